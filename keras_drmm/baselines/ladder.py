"""Ladder: the ladder network with a denoising cost on its top level."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from keras_drmm.baselines.baseline import Baseline, copy_levels
from keras_drmm.layers import FusedBatchNormalization
from keras_drmm.layers.arguments import (
    standardize_input_shape,
    standardize_integer,
    standardize_number,
)
from keras_drmm.layers.deprecation import reordered_arguments
from keras_drmm.layers.fused_batch_normalization import keep_running_statistics
from keras_drmm.learning import terms

# Added to variances. The published 1e-10 is below float32's precision.
EPSILON = 1e-5


class CleanAndNoisy(NamedTuple):
    """What the objective of a `Ladder` needs; each has shape (B, num_classes).

    Attributes:
        logits: logits of the noisy pass.
        clean: z, the normalised top level of the clean pass.
        noisy: z̃, the normalised top level of the noisy pass, including its noise.
        denoised: ẑ, normalised by the statistics of the clean pass.
    """

    logits: Any
    clean: Any
    noisy: Any
    denoised: Any


@reordered_arguments("levels", "num_classes", "input_shape")
@keras.saving.register_keras_serializable(package="keras_drmm")
class Ladder(Baseline):
    r"""The ladder network's Γ-model: a convnet that learns to denoise its top level.

    Two passes share all weights: a clean one, and one with noise n ~ N(0, noise²) added
    to the image and to each normalised stage (a convolution, a pooling or the dense
    top):

    $$\tilde z^{(l)} = \mathrm{N}(W^{(l)} \tilde h^{(l-1)}) + n^{(l)}, \qquad
    \tilde h^{(l)} = \mathrm{ReLU}(\tilde z^{(l)} + \beta^{(l)}), \qquad
    \tilde P = \mathrm{softmax}(\gamma (\tilde z^{(L)} + \beta^{(L)}))$$

    N normalises over the batch. At the top, a denoising function g estimates the clean
    z from the noisy one and from the noisy posterior:

    $$\hat z = g(\tilde z^{(L)}, \mathrm{N}(\tilde P)), \qquad \mathcal{L} = H(y,
    \tilde P) + \lambda\, \mathrm{mean} \left( z^{(L)} - \frac{\hat z - \mu}{\sigma}
    \right)^2$$

    μ and σ are the mean and standard deviation by which N normalised the clean pass.
    Poolings have neither β nor ReLU. The denoising cost is averaged over all rows, H
    over the labelled rows only, and gradients flow through both passes. All rows of a
    batch are normalised together. Predictions come from the clean pass with running
    statistics; test steps have no noise either.

    Args:
        levels: list of `Level`s with `batch_norm`, the finest first, as for a `DRMM`.
            Only their configuration is used: no weights are shared with them, and N
            has the momentum and ε of the published code, whatever theirs are.
        input_shape: shape (H, W, C) of an image, (C, H, W) for channels_first levels.
        num_classes: number of classes.
        noise: standard deviation of the noise.
        denoising: λ, weight of the denoising cost.
        **kwargs: `name`, `dtype` of `keras.Model`.

    Shapes:
        images (B, H, W, C) -> logits (B, num_classes).

    Raises:
        ValueError: an argument is out of range, or a level is not normalised.

    Example:

    >>> levels = [Level(8, 3, pool_size=2, batch_norm=True)]
    >>> model = Ladder(levels, input_shape=(8, 8, 1), num_classes=3)
    >>> model.compile("adam")
    >>> images, labels = np.random.rand(6, 8, 8, 1), np.array([0, 1, 2, -1, -1, -1])
    >>> history = model.fit(images, labels, verbose=0)
    >>> model.predict(images, verbose=0).shape
    (6, 3)

    Source: Rasmus, Valpola, Honkala, Berglund, Raiko (2015), "Semi-Supervised Learning
    with Ladder Networks", arXiv:1507.02672, Algorithm 1 and section 4.2.2. The defaults
    are those of its Conv-Small Γ-model for MNIST, which normalises labelled and
    unlabelled rows separately.
    """

    def __init__(
        self, levels, input_shape, num_classes, noise=0.3, denoising=1.0, **kwargs
    ):
        denoising = standardize_number(denoising, "denoising", least=0)
        super().__init__({"cross_entropy": 1.0, "denoising": denoising}, **kwargs)
        levels = copy_levels(levels)
        self.num_classes = standardize_integer(num_classes, "num_classes", minimum=2)
        self.image_shape = standardize_input_shape(input_shape)
        self.noise = standardize_number(noise, "noise", least=0)
        self.denoising = denoising
        # Only the convolutions of the levels are used.
        self.level_configs = keras.saving.serialize_keras_object(levels)
        self.seed_generator = keras.random.SeedGenerator()
        self.stages = []
        shape = (None, *self.image_shape)
        for stage in _stages(levels, self.dtype_policy):
            stage.build(shape)
            shape = stage.compute_output_shape(shape)
            self.stages.append(stage)
        # The top computes in the precision of its weights.
        precision = self.variable_dtype
        self.dense = layers.Dense(
            self.num_classes, use_bias=False, dtype=precision, name="top"
        )
        self.normalisation = _normalisation(-1, False, precision)
        self.denoise = _Denoising(dtype=precision, name="denoise")
        self.dense.build(shape)
        top = (None, self.num_classes)
        self.normalisation.build(top)
        self.denoise.build(top)
        self.gamma = self.add_weight(top[1:], "ones", name="gamma")
        self.beta = self.add_weight(top[1:], "zeros", name="beta")
        self.built = True
        self._freeze_parts()

    def classify(self, images, training=False):
        """Return the logits of the clean pass."""
        match = self.match(images, training)
        return self.logits(self.normalisation(match, training=training))

    def match(self, images, training=False):
        """Return the top of the clean pass before N, (B, num_classes)."""
        h = images
        for stage in self.stages:
            h = stage(h, training=training)
        return self.dense(h)

    def match_noisy(self, images):
        """Return the top of the noisy pass before N, (B, num_classes)."""
        h = self.corrupt(images)
        for stage in self.stages:
            h = stage.noisy(h, self.corrupt)
        return self.dense(h)

    def corrupt(self, x):
        """Return x with independent noise added to each value."""
        return x + keras.random.normal(
            ops.shape(x), 0.0, self.noise, dtype=x.dtype, seed=self.seed_generator
        )

    def logits(self, z):
        """Return γ (z + β)."""
        return self.gamma * (z + self.beta)

    def passes(self, images, training=False):
        """Return the `CleanAndNoisy` of a batch."""
        match = self.match(images, training)
        z = noisy = self.normalisation(match, training=training)
        if training:
            mean, variance = ops.moments(match, axes=[0])
            noisy = self.corrupt(_normalise(self.match_noisy(images)))
        else:
            mean = self.normalisation.moving_mean
            variance = self.normalisation.moving_variance
        logits = self.logits(noisy)
        estimate = self.denoise(noisy, _normalise(ops.softmax(logits)))
        denoised = (estimate - mean) / ops.sqrt(variance + EPSILON)
        return CleanAndNoisy(logits, z, noisy, denoised)

    def terms(self, outputs, labels, sample_weight=None):
        """Return the terms of the objective."""
        return {
            "cross_entropy": terms.cross_entropy(outputs, labels, sample_weight, None),
            "denoising": terms.squared_error(
                outputs.clean, outputs.denoised, sample_weight
            ),
        }

    def get_config(self):
        return {
            **super().get_config(),
            "levels": self.level_configs,
            "input_shape": self.image_shape,
            "num_classes": self.num_classes,
            "noise": self.noise,
            "denoising": self.denoising,
        }

    @classmethod
    def _arguments_from(cls, config):
        levels = keras.saving.deserialize_keras_object(config["levels"])
        return {**config, "levels": levels}


def _stages(levels, dtype):
    """Yield the stages below the dense top."""
    for number, level in enumerate(levels, start=1):
        if level.batch_norm is None or level.top_down_batch_norm is not None:
            raise ValueError(
                "A ladder normalises each level and has no top-down pass: give levels "
                "with `batch_norm=True` and without `top_down_batch_norm`."
            )
        data_format, cell = level.data_format, level.pool.pool_size
        axis = level.conv.channel_axis
        yield _NoisyStage(
            level.conv, axis, rectify=True, dtype=dtype, name=f"level_{number}"
        )
        if cell != (1, 1):
            pool = layers.MaxPooling2D(
                cell, padding="same", data_format=data_format, dtype=dtype
            )
            yield _NoisyStage(pool, axis, dtype=dtype, name=f"pool_{number}")
    mean = layers.GlobalAveragePooling2D(data_format=data_format, dtype=dtype)
    yield _NoisyStage(mean, 1, dtype=dtype, name="mean")


class _NoisyStage(keras.layers.Layer):
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

    >>> stage = _NoisyStage(keras.layers.MaxPooling2D(2), channel_axis=3)
    >>> tuple(stage(np.ones((2, 4, 4, 3), "float32")).shape)
    (2, 2, 2, 3)

    Source: Rasmus et al. (2015), arXiv:1507.02672, Algorithm 1.
    """

    def __init__(self, operation, channel_axis, rectify=False, **kwargs):
        super().__init__(**kwargs)
        self.operation = operation
        self.rectify = rectify
        self.normalisation = _normalisation(channel_axis, rectify, self.dtype_policy)

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


def _normalisation(channel_axis, center, dtype):
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


def _normalise(u):
    """Return N(u), (B, K): u with mean 0 and variance 1 over the batch."""
    mean, variance = ops.moments(u, axes=[0], keepdims=True)
    return (u - mean) / ops.sqrt(variance + EPSILON)


class _Denoising(keras.layers.Layer):
    r"""Estimate a unit's clean value from its noisy value and from the level above.

    $$g(\tilde z, u) = (\tilde z - \mu(u))\, v(u) + \mu(u)$$

    $$\mu(u) = a_1 \sigma(a_2 u + a_3) + a_4 u + a_5, \qquad
    v(u) = a_6 \sigma(a_7 u + a_8) + a_9 u + a_{10}$$

    This is the best estimate of a Gaussian z whose mean and variance depend on u. Each
    unit has ten parameters a of its own; a₂ and a₇ start at 1, the others at 0.

    Args:
        **kwargs: `name`, `dtype` of `keras.layers.Layer`.

    Shapes:
        z̃ and u, both (B, units) -> ẑ (B, units).

    Example:

    >>> layer = _Denoising()
    >>> tuple(layer(np.ones((2, 3), "float32"), np.ones((2, 3), "float32")).shape)
    (2, 3)

    Source: Rasmus et al. (2015), arXiv:1507.02672, equation (2).
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.a: Any = None

    def build(self, input_shape):
        start = np.zeros((10, 1), "float32")
        start[[1, 6]] = 1
        self.a = self.add_weight(
            name="a",
            shape=(10, input_shape[-1]),
            initializer=keras.initializers.Constant(start),
        )

    def call(self, noisy, u):
        a = ops.convert_to_tensor(self.a)
        a1, a2, a3, a4, a5, a6, a7, a8, a9, a10 = ops.unstack(a, 10)
        mean = a1 * ops.sigmoid(a2 * u + a3) + a4 * u + a5
        trust = a6 * ops.sigmoid(a7 * u + a8) + a9 * u + a10
        return (noisy - mean) * trust + mean

    def compute_output_shape(self, noisy_shape, u_shape=None):
        return noisy_shape
