"""FusedBatchNormalization: Keras' batch normalisation by a backend's fused kernel."""

import math
from contextlib import contextmanager
from functools import partial

import keras
from keras import ops

from keras_drmm import kernels
from keras_drmm.kernels.shared_moments import shared_moments
from keras_drmm.layers import replicas


@keras.saving.register_keras_serializable(package="keras_drmm")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    r"""Batch normalisation that passes over memory twice instead of twenty times.

    $$y = \gamma \frac{u - \overline{u}}{\sqrt{\overline{(u - \overline{u})^2} +
    \epsilon}} + \beta$$

    The same function, weights and running statistics as
    `keras.layers.BatchNormalization`, which on TensorFlow and PyTorch computes a
    training step one operation at a time. There, and where channels are last, a fused
    kernel does it; elsewhere, and for renormalisation, synchronisation, masks and
    float64, this is Keras' layer. `recipes/benchmark_steps.py` times both.

    Replicas that share a batch normalise by the moments of all its rows, whether
    `synchronized` or not, on every backend.

    Args:
        **kwargs: of `keras.layers.BatchNormalization`.

    Shapes:
        (B, H, W, C) -> the same.

    Example:

    >>> norm = FusedBatchNormalization()
    >>> tuple(norm(np.ones((2, 6, 6, 3), "float32"), training=True).shape)
    (2, 6, 6, 3)

    Source: Ioffe, Szegedy (2015), algorithm 1.
    """

    def call(self, inputs, training=None, mask=None):
        normalise = kernels.batch_normalization
        if replicas.count() > 1:
            normalise = self._shared_kernel
        learns = training and self.trainable and mask is None
        if not (learns and normalise is not None and self._is_usual):
            return super().call(inputs, training=training, mask=mask)
        # The kernel takes maps in half precision beside statistics in single.
        inputs = ops.cast(inputs, self.compute_dtype)
        channels = inputs.shape[-1:]
        outputs, mean, variance = normalise(
            inputs,
            self.gamma if self.scale else ops.ones(channels),
            self.beta if self.center else ops.zeros(channels),
            self.epsilon,
        )
        for moving, batch in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return outputs

    @property
    def _shared_kernel(self):
        """The kernel for replicas that share a batch, None if there is none."""
        kernel = kernels.shared_batch_normalization
        if kernel is None or self.compute_dtype != "float32":
            return None
        return partial(kernel, around=self.moving_mean, total=replicas.total)

    def _moments(self, inputs, mask):
        if mask is not None or replicas.count() == 1:
            return super()._moments(inputs, mask)
        # In full precision, as Keras does.
        values, axes = ops.cast(inputs, "float32"), self._reduction_axes
        places = math.prod(values.shape[axis] for axis in axes if axis != 0)
        around = ops.stop_gradient(ops.cast(self.moving_mean, "float32"))
        mean, variance = ops.moments(values, axes)
        places = places * ops.shape(values)[0]
        _, mean, variance = shared_moments(
            places, mean, variance, around, replicas.total
        )
        return ops.cast(mean, inputs.dtype), ops.cast(variance, inputs.dtype)

    @property
    def _is_usual(self):
        """Whether a kernel computes what this layer is configured to."""
        return (
            self.compute_dtype in ("float16", "bfloat16", "float32")
            and not self.renorm
            and not self.synchronized
            # Rows of four axes, channels last.
            and self.input_spec.ndim == 4
            and self.axis in (3, -1)
        )


@contextmanager
def keep_running_statistics(normalisations):
    """Let a batch normalise itself without being remembered.

    What layers compute in training is the same within; their running statistics, by
    which they normalise afterwards, are then what they were before.

    Args:
        normalisations: `keras.layers.BatchNormalization` layers.
    """
    running = [v for n in normalisations for v in (n.moving_mean, n.moving_variance)]
    before = [ops.copy(v) for v in running]
    yield
    for variable, value in zip(running, before, strict=True):
        variable.assign(value)
