"""MStep: the M-step at the end of a sweep, or after some of its batches."""

import math

import keras


class MStep(keras.callbacks.Callback):
    """Runs a trainer's M-step on what the E-steps of an epoch added up.

    `fit` adds it after the callbacks of the user: these see the weights that the logs
    of the epoch describe, so that `EarlyStopping` restores the best ones measured.

    Args:
        trainer: the `EMTrainer`. Its algorithm says whether an M-step also follows
            each few batches.

    Raises:
        FloatingPointError: the objective is not finite. The weights are then those of
            the last M-step.
    """

    def __init__(self, trainer):
        super().__init__()
        self.trainer = trainer
        self.batches = trainer.algorithm.batches_per_m_step

    def on_train_begin(self, logs=None):
        self.sweeps = 0
        self.trainer.begin_fit()

    def on_epoch_begin(self, epoch, logs=None):
        # An interrupted sweep leaves statistics of a part of the data.
        self.trainer.reset_statistics()
        self.pending = 0

    def on_train_batch_end(self, batch, logs=None):
        self.pending += 1
        if self.pending == self.batches:
            # JAX's trainer keeps weights of its own within an epoch.
            if keras.backend.backend() == "jax":
                self.model.jax_state_sync()
            self._run(logs, f"up to batch {batch + 1}")

    def on_epoch_end(self, epoch, logs=None):
        self.sweeps += 1
        if self.pending:
            self._run(logs, f"of epoch {epoch + 1}")

    def on_train_end(self, logs=None):
        self.trainer.end_fit(self.sweeps)

    def _run(self, logs, when):
        objective = float((logs or {}).get("loss", math.nan))
        if not math.isfinite(objective):
            self.trainer.reset_statistics()
            raise FloatingPointError(
                f"The objective {when} is {objective}: a batch holds NaN or infinite "
                "pixels, or pixels far outside of what the model renders. The weights "
                "are those before; clean or scale the images."
            )
        # What whole sweeps measured; in their middle Keras' running means stay.
        logs.update(self.trainer.m_step() or {})
        self.pending = 0
