"""SWWAE: the Stacked What-Where Auto-Encoder."""

from typing import Any, NamedTuple

import keras
from keras import layers, ops

from keras_drmm.baselines.peer import (
    Peer,
    copy_levels,
    deserialize_levels,
    serialize_levels,
    standardize_amount,
)
from keras_drmm.layers import RenderingConv2D, TopDownRender
from keras_drmm.layers.arguments import standardize_integer
from keras_drmm.learning import terms


class WhatWhere(NamedTuple):
    """What a SWWAE encodes and decodes, lists by level, the finest first.

    Attributes:
        logits: (B, num_classes).
        messages: x_0..x_M, the "what" that the encoder passes on; x_0 is the image.
        switches: the "where" of each level, int8, None of a level without pooling.
        rendered: x̃_0..x̃_(M-1), what the decoder makes of x_M and the switches.
    """

    logits: Any
    messages: list
    switches: list
    rendered: list

    @property
    def reconstruction(self):
        """x̃_0."""
        return self.rendered[0]


@keras.saving.register_keras_serializable(package="keras_drmm")
class SWWAE(Peer):
    r"""The Stacked What-Where Auto-Encoder of a DRMM's configuration.

    The encoder is the convnet; max-pooling passes the maxima ("what") up and their
    positions ("where", the switches) across to the decoder, which unpools by them:

    $$x_m, s_m = \mathrm{MaxPool}(\mathrm{ReLU}(\mathrm{BN}(\mathrm{conv}(x_{m-1}))))$$

    $$\tilde x_{m-1} = \mathrm{ReLU}(\mathrm{deconv}(\mathrm{unpool}_{s_m}(\tilde x_m))
    + \alpha_m), \qquad \tilde x_M = x_M$$

    $$\mathcal{L} = H(y, f(x)) + \lambda_{rec} \|x - \tilde x_0\|^2 + \lambda_M
    \sum_{m=1}^{M-1} \|x_m - \tilde x_m\|^2$$

    The image x̃_0 has no ReLU. Unlike a DRMM, the decoder starts from x_M and not from
    a class, has weights of its own, and a level without pooling has no switches. f is
    the mean of x_L over positions and a linear top; the levels above M are f's alone,
    as the classifier's fully connected layer is the authors'.
    ‖·‖² is the mean over rows and elements, H the mean over labelled rows. Where a
    whole cell of the encoder is off, the switch is too and nothing is unpooled.

    Args:
        levels: list of `Level`, the finest first, as for a `DRMM`. They are copied as
            configurations; no weight is shared with them. Without
            `top_down_batch_norm`.
        num_classes: number of classes.
        input_shape: (H, W, C) of an image, (C, H, W) for channels_first levels.
        reconstruction: λ_rec.
        intermediate: λ_M.
        dropout: fraction of x_M that the classifier does not see in training.
        classifier_levels: L - M, how many levels on top are not decoded.
        **kwargs: `name`, `dtype` of `keras.Model`.

    Shapes:
        images (B, H, W, C) -> logits (B, num_classes).

    Raises:
        ValueError: an argument is out of range.

    Example:

    >>> levels = [Level(8, 3, pool_size=2, batch_norm=True), Level(3, 1)]
    >>> model = SWWAE(levels, num_classes=3, input_shape=(8, 8, 1))
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
        num_classes,
        input_shape,
        reconstruction=1.0,
        intermediate=0.1,
        dropout=0.0,
        classifier_levels=0,
        **kwargs,
    ):
        amounts = {
            "reconstruction": standardize_amount(reconstruction, "reconstruction"),
            "intermediate": standardize_amount(intermediate, "intermediate"),
        }
        super().__init__({"cross_entropy": 1.0, **amounts}, **kwargs)
        self.amounts = amounts
        self.levels = copy_levels(levels)
        self.num_classes = standardize_integer(num_classes, "num_classes", minimum=2)
        self.image_shape = tuple(input_shape)
        self.classifier_levels = standardize_integer(
            classifier_levels, "classifier_levels", minimum=0
        )
        decoded = len(self.levels) - self.classifier_levels
        if decoded < 1:
            raise ValueError(
                f"`classifier_levels` leaves no level to decode: give less than "
                f"{len(self.levels)}, got {classifier_levels!r}."
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
                # It is added top-down, where this level is not.
                level.alpha.trainable = False
            shape = level.compute_output_shape(shape)
        self.dropout = layers.Dropout(dropout, dtype=self.dtype_policy)
        self.pooling = layers.GlobalAveragePooling2D(
            data_format=self.levels[0].data_format, dtype=self.dtype_policy
        )
        pooled = self.pooling.compute_output_shape(shape)
        # As a DRMM's class templates: with a channel a class, each starts as its own.
        is_square = pooled[-1] == self.num_classes
        self.head = layers.Dense(
            self.num_classes,
            kernel_initializer="identity" if is_square else "glorot_uniform",
            dtype=self.dtype_policy,
            name="logits",
        )
        self.head.build(pooled)
        self.built = True

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
        """Return x̃_0..x̃_(M-1) of x_M and the switches."""
        rendered: list[Any] = []
        for decoder, level, where in reversed(
            list(zip(self.decoders, self._decoded_levels, switches, strict=True))
        ):
            # The bias α that a level adds top-down; its templates are the decoder's.
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

    def terms(self, outputs, labels):
        """Return the terms of the objective."""
        between = zip(outputs.messages[1:-1], outputs.rendered[1:], strict=True)
        return {
            "cross_entropy": terms.cross_entropy(outputs, labels, None),
            "reconstruction": terms.reconstruction(outputs, labels, None),
            "intermediate": sum(_mean_square(x, decoded) for x, decoded in between),
        }

    def get_config(self):
        return {
            **super().get_config(),
            "levels": serialize_levels(self.levels),
            "num_classes": self.num_classes,
            "input_shape": self.image_shape,
            **self.amounts,
            "dropout": self.dropout.rate,
            "classifier_levels": self.classifier_levels,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**deserialize_levels(config))

    @property
    def _decoded_levels(self):
        return self.levels[: len(self.decoders)]

    def _logits(self, message, training):
        # (B, H, W, C) of x_M, of x_L -> (B, C) -> (B, num_classes)
        message = self.dropout(message, training=training)
        for level in self.levels[len(self.decoders) :]:
            message = level(message, training=training)
        return self.head(self.pooling(message))


def _pools(level):
    return level.pool.pool_size != (1, 1)


def _decoder(level, input_shape, name):
    """Return a built decoder of a level: its convolution's shape, other weights."""
    conv = level.conv
    templates = RenderingConv2D(
        conv.filters,
        conv.kernel_size,
        conv.strides,
        conv.padding,
        use_bias=False,
        data_format=conv.data_format,
        kernel_initializer="glorot_uniform",
        dtype=conv.dtype_policy,
        name=f"{name}_templates",
    )
    templates.build(input_shape)
    decoder = TopDownRender(
        templates,
        level.pool if _pools(level) else None,
        dtype=conv.dtype_policy,
        name=name,
    )
    decoder.build(level.compute_output_shape(input_shape))
    return decoder


def _mean_square(x, decoded):
    return ops.mean(ops.square(ops.cast(x, "float32") - ops.cast(decoded, "float32")))
