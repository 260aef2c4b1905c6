"""BatchWatch: what `BatchCheck` and `DivergenceCheck` found, as errors and warnings."""

import warnings

import keras
from keras import ops

from keras_drmm.models.batch_check import LOGITS, NONE
from keras_drmm.models.trainer import Trainer


class BatchWatch(keras.callbacks.Callback):
    """Ends `fit` and `evaluate` when a batch cannot be used, and `fit` that diverges.

    It is the first of all callbacks: no other one sees, logs or saves what such a batch
    did to the weights.

    Raises:
        ValueError: at the end of an epoch, before its validation. The variables of
            model and optimizer are then those that the epoch began with.
    """

    def __init__(self):
        super().__init__()
        self._epoch = None
        self._has_warned = self._has_warned_of_scale = False

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
        fault = self._explain_batch() or self._explain_weights()
        scale = self._explain_scale()
        if fault:
            for variable, value in self._kept:
                variable.assign(value)
            raise ValueError(
                f"In epoch {self._epoch + 1}: {fault} {scale}The weights are those "
                "from before this epoch."
            )
        if scale and not self._has_warned_of_scale:
            self._has_warned_of_scale = True
            warnings.warn(f"In epoch {self._epoch + 1}: {scale}", stacklevel=2)
        self._epoch, self._kept = None, []
        self._warn()

    def _explain_batch(self):
        """Return what was wrong first: with a batch, or with what a step made of it.

        None if nothing was.
        """
        model = self.model
        fault, number = model.batch_check.read()
        name, batch, value = model.divergence_check.read()
        is_given = fault not in (NONE, LOGITS) and number <= batch
        if is_given or name is None:
            return model.batch_check.explain()
        kind, name = name
        where = f"batch {batch} (batches count from 0)"
        if kind == "weight" and batch > 0:
            return (
                f"The step on batch {batch - 1} (batches count from 0) made the weight "
                f"`{name}` {value}. {self._advise(overflows=False)}"
            )
        if kind == "weight":
            return (
                f"The weight `{name}` was {value} before the first step: load other "
                "weights, or build the model anew."
            )
        if kind == "logits":
            return (
                f"From {where} on the model's logits are not finite, although its "
                f"images and weights are. {self._advise()}"
            )
        return (
            f"From {where} on the term `{name}` of the objective is {value}, although "
            f"images, weights and logits are finite. {self._advise()}"
        )

    def _explain_weights(self):
        """Return which variable the last step, which no other followed, spoiled.

        None if it has not.
        """
        for variable in self.model.variables:
            if "float" not in variable.dtype:
                continue
            if not ops.all(ops.isfinite(variable)):
                return (
                    f"The variable `{variable.path}` is not finite after the last step "
                    f"of the epoch. {self._advise(overflows=False)}"
                )
        return None

    def _advise(self, overflows=True):
        """Return what to do about numbers that became too large."""
        remedy = (self.model.trainer or Trainer).remedy
        if overflows and self.model.compute_dtype == "float16":
            return (
                "Its numbers end at 65,504 under float16: take the dtype policy "
                f"'mixed_bfloat16' or 'float32'. Else: {remedy}"
            )
        return remedy

    def _explain_scale(self):
        """Return a sentence on a loss scale that gradients in float16 have worn out."""
        optimizer = self.model.optimizer
        # Keras scales losses under 'mixed_float16' alone.
        if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            return ""
        scale = float(ops.convert_to_numpy(optimizer.dynamic_scale))
        # From 2^15 it halves with each step whose gradients are not finite.
        if scale >= 1:
            return ""
        return (
            f"The loss scale of float16 has fallen to {scale:g}: gradients overflowed "
            "step after step, each of which was left out. Take the dtype policy "
            "'mixed_bfloat16' or 'float32', or a lower learning rate. "
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
