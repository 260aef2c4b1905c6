"""Ladder: the ladder network with a denoising cost on its top level."""

from typing import Any, NamedTuple

import keras
from keras import layers, ops

from keras_drmm.baselines.baseline import Baseline
from keras_drmm.baselines.denoising import Denoising
from keras_drmm.baselines.levels import (
    copy_levels,
    deserialize_levels,
    serialize_levels,
)
from keras_drmm.baselines.noisy_stage import (
    EPSILON,
    NoisyStage,
    normalisation,
    normalise,
)
from keras_drmm.layers.arguments import (
    standardize_input_shape,
    standardize_integer,
    standardize_number,
)
from keras_drmm.layers.deprecation import reordered_arguments
from keras_drmm.learning import terms


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
            Only their configuration is used: no weights are shared with them.
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
        self.level_configs = serialize_levels(levels)
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
        self.normalisation = normalisation(-1, False, precision)
        self.denoise = Denoising(dtype=precision, name="denoise")
        self.dense.build(shape)
        top = (None, self.num_classes)
        self.normalisation.build(top)
        self.denoise.build(top)
        self.gamma = self.add_weight(top[1:], "ones", name="gamma")
        self.beta = self.add_weight(top[1:], "zeros", name="beta")
        self.built = True

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
            noisy = self.corrupt(normalise(self.match_noisy(images)))
        else:
            mean = self.normalisation.moving_mean
            variance = self.normalisation.moving_variance
        logits = self.logits(noisy)
        estimate = self.denoise(noisy, normalise(ops.softmax(logits)))
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
    def from_config(cls, config):
        return cls(**deserialize_levels(config))


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
        yield NoisyStage(
            level.conv, axis, rectify=True, dtype=dtype, name=f"level_{number}"
        )
        if cell != (1, 1):
            pool = layers.MaxPooling2D(
                cell, padding="same", data_format=data_format, dtype=dtype
            )
            yield NoisyStage(pool, axis, dtype=dtype, name=f"pool_{number}")
    mean = layers.GlobalAveragePooling2D(data_format=data_format, dtype=dtype)
    yield NoisyStage(mean, 1, dtype=dtype, name="mean")
