"""BatchWatch: what `BatchCheck` found, as errors and warnings."""

import warnings

import keras
from keras import ops


class BatchWatch(keras.callbacks.Callback):
    """Ends `fit` and `evaluate` when a batch was not what the model takes.

    It is the first of all callbacks: no other one sees, logs or saves what such a batch
    did to the weights.

    Raises:
        ValueError: at the end of an epoch, before its validation. The variables of
            model and optimizer are then those that the epoch began with.
    """

    def __init__(self):
        super().__init__()
        self._epoch, self._has_warned = None, False

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        optimizer = self.model.optimizer
        variables = [
            *self.model.trainable_variables,
            *self.model.non_trainable_variables,
        ]
        variables += optimizer.variables if optimizer else []
        # Copies: the steps of JAX use up what they are given.
        self._kept = [(variable, ops.copy(variable)) for variable in variables]

    def on_test_begin(self, logs=None):
        # Validation forgets what was found in training.
        self._end_training()

    def on_epoch_end(self, epoch, logs=None):
        self._end_training()

    def on_test_end(self, logs=None):
        fault = self.model.batch_check.explain()
        if fault:
            raise ValueError(f"Of the data to evaluate: {fault}")
        self._warn()

    def _end_training(self):
        if self._epoch is None:
            return
        fault = self.model.batch_check.explain() or self._explain_weights()
        if fault:
            for variable, value in self._kept:
                variable.assign(value)
            raise ValueError(
                f"In epoch {self._epoch + 1}: {fault} The weights are those from "
                "before this epoch."
            )
        self._epoch, self._kept = None, []
        self._warn()

    def _explain_weights(self):
        """Return that the last step, whose logits none has seen, spoiled the weights.

        None if it has not.
        """
        sums = [ops.sum(v) for v in self.model.trainable_variables]
        if not sums or ops.isfinite(ops.sum(ops.stack(sums))):
            return None
        return (
            "The last step made weights that are not finite: lower the learning rate."
        )

    def _warn(self):
        """Warn once of metrics that no labelled row stands behind."""
        labelled = float(ops.convert_to_numpy(self.model.batch_check.labelled))
        if labelled > 0 or self._has_warned or not self.model.has_metrics:
            return
        self._has_warned = True
        warnings.warn(
            "No row was labelled: metrics of labels, `accuracy` for one, are NaN. Give "
            "some rows a label of 0 or more, or leave these metrics out.",
            stacklevel=2,
        )
