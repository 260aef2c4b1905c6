"""ClassTemplates: the top of a DRMM, where classes are matched and rendered."""

import math
from typing import Any

import keras
from keras import ops

from keras_drmm.layers import replicas
from keras_drmm.layers.arguments import (
    check_choice,
    standardize_integer,
    standardize_object,
)
from keras_drmm.layers.image_layer import ImageLayer


@keras.saving.register_keras_serializable(package="keras_drmm")
class ClassTemplates(ImageLayer):
    r"""Matches the class templates μ_c with the top message and renders them.

    $$\mathrm{logits}_c = \langle \mu_c, I^{(L)} \rangle + b_c + \ln \pi_c, \qquad
    z^{(L)} = \mu_c$$

    With `pooling="mean"` a template holds one value a channel, the same at every
    position, and ⟨·,·⟩ is the mean over positions: a convnet's global average pooling
    and dense layer. With `pooling=None` a template has a value for each position and
    channel: flatten and dense.

    The bias b_c is the free natural parameter of the discriminative relaxation (44).
    The prior π_c is not learned by gradients; it starts uniform, and `update_prior`
    counts labels, unless the layer is frozen.

    Args:
        num_classes: number of classes, at least 2.
        pooling: "mean" or None.
        data_format: "channels_last", "channels_first" or None for Keras' default.
        templates_initializer: initializer of the templates.
        templates_regularizer: a Keras regularizer of the templates, or None.
        **kwargs: `name`, `dtype` of `keras.layers.Layer`.

    Shapes:
        `call`: (B, H, W, C) -> (B, num_classes); `render`: one-hot classes
        (B, num_classes) -> (B, H, W, C). The templates are (C, num_classes), or
        (H * W * C, num_classes) without pooling, as the kernel of
        `keras.layers.Dense`.

    Raises:
        ValueError: an argument is out of range, or a map has another size or number
            of channels than the layer was built for.

    Example:

    >>> top = ClassTemplates(3)
    >>> tuple(top(np.ones((2, 4, 4, 8), "float32")).shape)
    (2, 3)
    >>> tuple(top.render(np.eye(3, dtype="float32")).shape)
    (3, 4, 4, 8)

    Source: Patel, Nguyen, Baraniuk (2016), equations (8), (41), (44).
    """

    def __init__(
        self,
        num_classes,
        pooling="mean",
        data_format=None,
        templates_initializer="glorot_uniform",
        templates_regularizer=None,
        **kwargs,
    ):
        super().__init__(data_format, **kwargs)
        check_choice(pooling, "pooling", ("mean", None))
        self.num_classes = standardize_integer(num_classes, "num_classes", minimum=2)
        self.pooling = pooling
        self.templates_initializer = standardize_object(
            templates_initializer,
            "templates_initializer",
            keras.initializers.get,
            "glorot_uniform",
        )
        self.templates_regularizer = standardize_object(
            templates_regularizer,
            "templates_regularizer",
            keras.regularizers.get,
            "l2",
        )
        self.templates: Any = None

    def build(self, input_shape):
        self._check_map(input_shape)
        self._map_shape = tuple(input_shape[1:])
        matched = self._map_shape
        if self.pooling == "mean":
            matched = (input_shape[self.channel_axis],)
        if None in matched:
            raise ValueError(
                f"`{self.name}` needs a known number of channels, and with "
                f"pooling=None a known size, got shape {tuple(input_shape)}."
            )
        self.templates = self.add_weight(
            name="templates",
            shape=(math.prod(matched), self.num_classes),
            initializer=self.templates_initializer,
            regularizer=self.templates_regularizer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.num_classes,), initializer="zeros"
        )
        self.prior = self.add_weight(
            name="prior",
            shape=(self.num_classes,),
            initializer=keras.initializers.Constant(1 / self.num_classes),
            trainable=False,
        )

    def call(self, message):
        # -> (B, num_classes)
        return self._logits(ops.matmul(self._features(message), self.templates))

    def match_signed(self, plus, minus):
        r"""Match with the message that fits each template value's sign.

        $$\langle \max(\mu_c, 0), I_+ \rangle + \langle \min(\mu_c, 0), I_- \rangle$$

        Args:
            plus: message for positive template values, (B, H, W, C).
            minus: message for negative ones, of the same shape.

        Returns:
            Logits (B, num_classes).
        """
        return self._logits(
            ops.matmul(self._features(plus), ops.maximum(self.templates, 0.0))
            + ops.matmul(self._features(minus), ops.minimum(self.templates, 0.0))
        )

    def render(self, classes):
        """Return the templates of `classes`, one-hot rows, at the top level's size.

        Without pooling this is the transpose of the matching in `call`; with mean
        pooling it is H * W times that, as a rendered template repeats its values
        instead of sharing them out.

        Args:
            classes: tensor of shape (B, num_classes); soft rows render mixtures.

        Returns:
            z^(L), a tensor of shape (B, H, W, C).

        Raises:
            ValueError: the layer is not built, or was built for any height and width,
                or `classes` has another shape.
        """
        if self.templates is None or None in self._map_shape:
            raise ValueError(
                f"`{self.name}.render` needs the size to render: call the layer on a "
                "map of known height and width or `build` it first."
            )
        if len(classes.shape) != 2 or classes.shape[1] != self.num_classes:
            raise ValueError(
                f"`{self.name}.render` takes one-hot rows (batch, {self.num_classes}), "
                f"got shape {tuple(classes.shape)}. Use `keras.ops.one_hot`."
            )
        # Outside of `call` Keras does not cast for mixed precision.
        classes, templates = (
            ops.cast(v, self.compute_dtype) for v in (classes, self.templates)
        )
        # (B, num_classes) -> (B, C) or (B, H * W * C)
        z = ops.matmul(classes, ops.transpose(templates))
        if self.pooling is None:
            return ops.reshape(z, (-1, *self._map_shape))
        z = ops.expand_dims(z, (self.rows, self.rows + 1))
        # (B, C) -> (B, H, W, C)
        return ops.broadcast_to(z, (ops.shape(z)[0], *self._map_shape))

    def update_prior(self, labels, rate, sample_weight=None):
        """Move π_c towards the classes' shares among labels, by `rate` of the way.

        Args:
            labels: integers (B,), -1 for an unlabelled row. One more row counts for all
                classes alike, so that none becomes impossible.
            rate: between 0 and 1.
            sample_weight: (B,), how many rows each row counts as; None for 1.
        """
        if not self.trainable:
            return
        # Labels may be the bytes of an image file. The -1 of unlabelled rows matches
        # no class.
        labels = ops.cast(labels, "int32")
        classes = ops.arange(self.num_classes, dtype="int32")
        members = ops.cast(labels[:, None] == classes, "float32")
        if sample_weight is not None:
            members = members * sample_weight[:, None]
        counts = replicas.total(ops.sum(members, axis=0))
        total = ops.sum(counts)
        shares = (counts + 1 / self.num_classes) / (total + 1)
        old = ops.convert_to_tensor(self.prior)
        # A batch without labels says nothing.
        rate = ops.where(total > 0, rate, 0.0)
        self.prior.assign(old + rate * (shares - old))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_classes)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "pooling": self.pooling,
            "templates_initializer": keras.initializers.serialize(
                self.templates_initializer
            ),
            "templates_regularizer": keras.regularizers.serialize(
                self.templates_regularizer
            ),
        }

    def _logits(self, matches):
        return matches + self.bias + ops.log(self.prior)

    def _features(self, message):
        """Return what a template is matched with, (B, templates.shape[0])."""
        self._check_map(message.shape, self._map_shape[self.channel_axis - 1])
        if self.pooling == "mean":
            # (B, H, W, C) -> (B, C)
            return ops.mean(message, axis=(self.rows, self.rows + 1))
        if self._sizes(message.shape) != self._sizes((None, *self._map_shape)):
            raise ValueError(
                f"`{self.name}` has templates of shape {self._map_shape}, got "
                f"{tuple(message.shape)}. Give maps of this size, or use "
                "pooling='mean' for maps of any size."
            )
        # (B, H, W, C) -> (B, H * W * C)
        return ops.reshape(message, (-1, self.templates.shape[0]))
