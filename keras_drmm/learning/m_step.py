"""MStep: the M-step at the end of a sweep."""

import math

import keras


class MStep(keras.callbacks.Callback):
    """Runs the model's M-step on what the E-steps of an epoch added up.

    `fit` adds it after the callbacks of the user: these see the weights that the logs
    of the epoch describe, so that `EarlyStopping` restores the best ones measured.

    Raises:
        FloatingPointError: the objective is not finite. The weights are then those of
            the last M-step.
    """

    def on_epoch_begin(self, epoch, logs=None):
        # An interrupted sweep leaves statistics of a part of the data.
        self.model.reset_statistics()

    def on_epoch_end(self, epoch, logs=None):
        objective = (logs or {}).get("loss", math.nan)
        if not math.isfinite(objective):
            self.model.reset_statistics()
            raise FloatingPointError(
                f"The objective of epoch {epoch + 1} is {objective}: a batch holds NaN "
                "or infinite pixels, or pixels far outside of what the model renders. "
                "The weights are those before this epoch; clean or scale the images."
            )
        logs.update(self.model.m_step() or {})
