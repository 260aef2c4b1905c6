"""Learner: what models with an objective of their own share, and how batches come."""

import keras
from keras import ops

from keras_drmm.models.jit import resolve_jit


class Learner(keras.Model):
    """A Keras model that keeps how it was compiled and measures labelled rows only."""

    def _compile_keeping(self, optimizer, metrics, jit_compile, own, **kwargs):
        """Do what `compile` of a subclass does, and keep its arguments for saving.

        Args:
            optimizer: as in Keras.
            metrics: of labelled rows.
            jit_compile: "auto" leaves TensorFlow on a CPU to its own convolutions.
            own: {name: value} of arguments that Keras does not have.
            **kwargs: further arguments of `keras.Model.compile`.
        """
        arguments = {"optimizer": optimizer, "metrics": list(metrics)}
        self._arguments = {**arguments, "jit_compile": jit_compile, **own, **kwargs}
        super().compile(
            optimizer,
            weighted_metrics=list(metrics),
            jit_compile=resolve_jit(jit_compile),
            **kwargs,
        )

    def get_compile_config(self):
        if not self.compiled:
            return None
        return {
            name: keras.saving.serialize_keras_object(value)
            for name, value in self._arguments.items()
        }

    def compile_from_config(self, config):
        self.compile(
            **{
                name: keras.saving.deserialize_keras_object(value)
                for name, value in config.items()
            }
        )
        self.optimizer.build(self.trainable_variables)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        logits = getattr(y_pred, "logits", y_pred)
        if y is None:
            # Keras builds metrics by their first labels: show it unlabelled ones.
            y = ops.full(ops.shape(logits)[:1], -1)
        labelled = ops.cast(y >= 0, "float32")
        if sample_weight is not None:
            labelled = labelled * ops.cast(sample_weight, "float32")
        # Unlabelled rows are shown as class 0 with weight 0.
        return super().compute_metrics(x, ops.maximum(y, 0), logits, labelled)


class _Objective(keras.losses.Loss):
    """The objective as a Keras loss, so that tf.distribute scales it by replicas."""

    def call(self, y_true, y_pred):
        return y_pred


def objective_loss(total):
    """Return an objective, one number for a batch, as Keras reduces a loss."""
    total = ops.reshape(total, (1,))
    return _Objective(name="objective")(total, total)


def unpack_batch(data):
    """Return (images, integer labels (B,) or None, sample weights or None).

    Raises:
        ValueError: labels are not integers.
    """
    images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if labels is not None:
        if not keras.backend.is_int_dtype(labels.dtype):
            raise ValueError(
                f"Labels must be integers (-1: unlabelled), got dtype {labels.dtype}. "
                "Give class numbers, not one-hot rows or probabilities."
            )
        labels = ops.reshape(labels, (-1,))
    return images, labels, sample_weight
