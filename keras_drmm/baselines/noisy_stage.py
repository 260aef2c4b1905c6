"""NoisyStage: a stage of the ladder network's encoder, clean or with noise."""

import keras
from keras import ops

from keras_drmm.layers import FusedBatchNormalization
from keras_drmm.layers.running_statistics import keep_running_statistics

# Added to variances. The published 1e-10 is below float32's precision.
EPSILON = 1e-5


class NoisyStage(keras.layers.Layer):
    r"""An operation f and a normalisation N over the batch, with or without noise n.

    $$h' = \phi(\mathrm{N}(f(h)) + n + \beta)$$

    φ is the ReLU and β is learned if `rectify`; otherwise φ is the identity and β is 0.
    The noise is n ~ N(0, σ²).

    Args:
        operation: f, a Keras layer without bias.
        channel_axis: axis of f(h) whose entries are normalised separately.
        rectify: whether the stage has β and φ.
        **kwargs: `name`, `dtype` of `keras.layers.Layer`.

    Shapes:
        as those of `operation`.

    Example:

    >>> stage = NoisyStage(keras.layers.MaxPooling2D(2), channel_axis=3)
    >>> tuple(stage(np.ones((2, 4, 4, 3), "float32")).shape)
    (2, 2, 2, 3)

    Source: Rasmus et al. (2015), arXiv:1507.02672, Algorithm 1.
    """

    def __init__(self, operation, channel_axis, rectify=False, **kwargs):
        super().__init__(**kwargs)
        self.operation = operation
        self.rectify = rectify
        self.normalisation = normalisation(channel_axis, rectify, self.dtype_policy)

    def build(self, input_shape):
        self.operation.build(input_shape)
        self.normalisation.build(self.compute_output_shape(input_shape))

    def call(self, h, training=False):
        h = self.normalisation(self.operation(h), training=training)
        return ops.relu(h) if self.rectify else h

    def noisy(self, h, corrupt):
        """Return h' of a training batch, with noise.

        The running statistics are left alone, because they are those of the clean pass.

        Args:
            h: input of the stage.
            corrupt: function that adds the noise n.
        """
        with keep_running_statistics([self.normalisation]):
            z = corrupt(self.normalisation(self.operation(h), training=True))
        return ops.relu(z) if self.rectify else z

    def compute_output_shape(self, input_shape):
        return self.operation.compute_output_shape(input_shape)


def normalisation(channel_axis, center, dtype):
    """Return N as a layer that keeps running statistics, as in the published code."""
    return FusedBatchNormalization(
        channel_axis,
        momentum=0.9,
        epsilon=EPSILON,
        center=center,
        scale=False,
        dtype=dtype,
        name="normalisation",
    )


def normalise(u):
    """Return N(u), (B, K): u with mean 0 and variance 1 over the batch."""
    mean, variance = ops.moments(u, axes=[0], keepdims=True)
    return (u - mean) / ops.sqrt(variance + EPSILON)
