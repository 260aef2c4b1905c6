"""SWWAE: the Stacked What-Where Auto-Encoder."""

from typing import Any, NamedTuple

import keras
from keras import layers, ops

from keras_drmm.baselines.baseline import Baseline, copy_levels
from keras_drmm.layers import RenderingConv2D, TopDownRender
from keras_drmm.layers.arguments import (
    standardize_input_shape,
    standardize_integer,
    standardize_number,
)
from keras_drmm.layers.deprecation import reordered_arguments
from keras_drmm.learning import terms


class WhatWhere(NamedTuple):
    """What a SWWAE encodes and decodes, as lists over the levels, the finest first.

    Attributes:
        logits: (B, num_classes).
        messages: x_0..x_M, the "what" that the encoder passes on; x_0 is the image.
        switches: the "where" of each level, int8, or None if a level has no pooling.
        rendered: x̃_0..x̃_(M-1), which the decoder makes from x_M and the switches.
    """

    logits: Any
    messages: list
    switches: list
    rendered: list

    @property
    def reconstruction(self):
        """x̃_0."""
        return self.rendered[0]


@reordered_arguments("levels", "num_classes", "input_shape")
@keras.saving.register_keras_serializable(package="keras_drmm")
class SWWAE(Baseline):
    r"""The Stacked What-Where Auto-Encoder, in a DRMM's configuration.

    The encoder is the convnet. Max-pooling passes the maxima ("what") up, and their
    positions ("where", the switches) across to the decoder, which uses them to unpool:

    $$x_m, s_m = \mathrm{MaxPool}(\mathrm{ReLU}(\mathrm{BN}(\mathrm{conv}(x_{m-1}))))$$

    $$\tilde x_{m-1} = \mathrm{ReLU}(\mathrm{deconv}(\mathrm{unpool}_{s_m}(\tilde x_m))
    + \alpha_m), \qquad \tilde x_M = x_M$$

    $$\mathcal{L} = H(y, f(x)) + \lambda_{rec} \|x - \tilde x_0\|^2 + \lambda_M
    \sum_{m=1}^{M-1} \|x_m - \tilde x_m\|^2$$

    The image x̃_0 has no ReLU. Unlike in a DRMM, the decoder starts from x_M instead of
    a class and has weights of its own, and levels without pooling have no switches. f
    averages x_L over positions and ends in a linear layer. The levels above M belong to
    f alone, like the fully connected layer of the authors' classifier.
    ‖·‖² is the mean over rows and elements, H the mean over labelled rows. Where all of
    a cell is off in the encoder, its switch is off as well and nothing is unpooled.

    Args:
        levels: list of `Level`s without `top_down_batch_norm`, the finest first, as for
            a `DRMM`. Only their configuration is used: no weights are shared with them.
        input_shape: shape (H, W, C) of an image, (C, H, W) for channels_first levels.
        num_classes: number of classes.
        reconstruction: λ_rec.
        intermediate: λ_M.
        dropout: fraction of x_M that is hidden from the classifier in training.
        classifier_levels: L - M, the number of top levels that are not decoded.
        **kwargs: `name`, `dtype` of `keras.Model`.

    Shapes:
        images (B, H, W, C) -> logits (B, num_classes).

    Raises:
        ValueError: an argument is out of range.

    Example:

    >>> levels = [Level(8, 3, pool_size=2, batch_norm=True), Level(3, 1)]
    >>> model = SWWAE(levels, input_shape=(8, 8, 1), num_classes=3)
    >>> model.compile("adam")
    >>> images, labels = np.random.rand(6, 8, 8, 1), np.array([0, 1, 2, -1, -1, -1])
    >>> history = model.fit(images, labels, verbose=0)
    >>> model.predict(images, verbose=0).shape
    (6, 3)

    Source: Zhao, Mathieu, Goroshin, LeCun (2016), "Stacked What-Where Auto-encoders",
    arXiv:1506.02351, section 3.
    """

    def __init__(
        self,
        levels,
        input_shape,
        num_classes,
        reconstruction=1.0,
        intermediate=0.1,
        dropout=0.0,
        classifier_levels=0,
        **kwargs,
    ):
        amounts = {
            "reconstruction": standardize_number(
                reconstruction, "reconstruction", least=0
            ),
            "intermediate": standardize_number(intermediate, "intermediate", least=0),
        }
        super().__init__({"cross_entropy": 1.0, **amounts}, **kwargs)
        self.amounts = amounts
        self.levels = copy_levels(levels)
        self.num_classes = standardize_integer(num_classes, "num_classes", minimum=2)
        self.image_shape = standardize_input_shape(input_shape)
        self.classifier_levels = standardize_integer(
            classifier_levels, "classifier_levels", minimum=0
        )
        decoded = len(self.levels) - self.classifier_levels
        if decoded < 1:
            raise ValueError(
                f"`classifier_levels` must be less than {len(self.levels)}, so that "
                f"there is a level to decode, got {classifier_levels!r}."
            )
        shape = (None, *self.image_shape)
        self.decoders = []
        for number, level in enumerate(self.levels, start=1):
            if level.top_down_batch_norm is not None:
                raise ValueError(
                    "The decoder is not normalised: give levels without "
                    "`top_down_batch_norm`."
                )
            level.build(shape)
            if number <= decoded:
                self.decoders.append(_decoder(level, shape, f"decoder_{number}"))
            else:
                # α is added top-down, and this level is not decoded.
                level.alpha.trainable = False
            shape = level.compute_output_shape(shape)
        dropout = standardize_number(dropout, "dropout", least=0)
        if dropout >= 1:
            raise ValueError(
                f"`dropout` must be a fraction from 0 to below 1, got {dropout!r}."
            )
        self.dropout = layers.Dropout(dropout, dtype=self.dtype_policy)
        self.pooling = layers.GlobalAveragePooling2D(
            data_format=self.levels[0].data_format, dtype=self.dtype_policy
        )
        pooled = self.pooling.compute_output_shape(shape)
        # Like a DRMM's class templates: with one channel for each class, each channel
        # starts as its class' logit.
        is_square = pooled[-1] == self.num_classes
        self.head = layers.Dense(
            self.num_classes,
            kernel_initializer="identity" if is_square else "glorot_uniform",
            dtype=self.dtype_policy,
            name="logits",
        )
        self.head.build(pooled)
        self.built = True
        self._freeze_parts()

    def classify(self, images, training=False):
        """Return the encoder's logits."""
        message = images
        for level in self._decoded_levels:
            message = level(message, training=training)
        return self._logits(message, training)

    def encode(self, images, training=False):
        """Return x_0..x_M and the switches s_1..s_M."""
        messages, switches = [images], []
        for level in self._decoded_levels:
            if _pools(level):
                message, where = level.bottom_up(messages[-1], training)
            else:
                message, where = level(messages[-1], training=training), None
            messages.append(message)
            switches.append(where)
        return messages, switches

    def decode(self, message, switches):
        """Return x̃_0..x̃_(M-1), decoded from x_M and the switches."""
        rendered: list[Any] = []
        for decoder, level, where in reversed(
            list(zip(self.decoders, self._decoded_levels, switches, strict=True))
        ):
            # The templates are the decoder's own; the level gives its top-down bias α.
            message = decoder(message, where) + level.alpha
            rendered.insert(0, message)
            message = ops.relu(message)
        return [rendered[0], *map(ops.relu, rendered[1:])]

    def passes(self, images, training=False):
        """Return the `WhatWhere` of a batch."""
        messages, switches = self.encode(images, training)
        return WhatWhere(
            logits=self._logits(messages[-1], training),
            messages=messages,
            switches=switches,
            rendered=self.decode(messages[-1], switches),
        )

    def terms(self, outputs, labels, sample_weight=None):
        """Return the terms of the objective."""
        between = zip(outputs.messages[1:-1], outputs.rendered[1:], strict=True)
        found = [terms.squared_error(x, y, sample_weight) for x, y in between]
        reconstruction = terms.reconstruction(outputs, labels, sample_weight, None)
        # With one level there is nothing in between.
        intermediate = sum((error for error, _ in found), ops.zeros(()))
        return {
            "cross_entropy": terms.cross_entropy(outputs, labels, sample_weight, None),
            "reconstruction": reconstruction,
            "intermediate": (intermediate, reconstruction[1]),
        }

    def get_config(self):
        return {
            **super().get_config(),
            "levels": keras.saving.serialize_keras_object(self.levels),
            "input_shape": self.image_shape,
            "num_classes": self.num_classes,
            **self.amounts,
            "dropout": self.dropout.rate,
            "classifier_levels": self.classifier_levels,
        }

    @classmethod
    def _arguments_from(cls, config):
        levels = keras.saving.deserialize_keras_object(config["levels"])
        return {**config, "levels": levels}

    @property
    def _decoded_levels(self):
        return self.levels[: len(self.decoders)]

    def _logits(self, message, training):
        # (B, H, W, C) of x_M, then of x_L -> (B, C) -> (B, num_classes)
        message = self.dropout(message, training=training)
        for level in self.levels[len(self.decoders) :]:
            message = level(message, training=training)
        return self.head(self.pooling(message))


def _pools(level):
    return level.pool.pool_size != (1, 1)


def _decoder(level, input_shape, name):
    """Return a built decoder of a level: the same shapes with weights of its own."""
    changed = {
        "use_bias": False,
        "kernel_initializer": "glorot_uniform",
        "name": f"{name}_templates",
    }
    conv = level.conv
    templates = RenderingConv2D.from_config({**conv.get_config(), **changed})
    templates.build(input_shape)
    decoder = TopDownRender(
        templates,
        level.pool if _pools(level) else None,
        dtype=conv.dtype_policy,
        name=name,
    )
    decoder.build(level.compute_output_shape(input_shape))
    return decoder
