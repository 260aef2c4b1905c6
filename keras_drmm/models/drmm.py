"""DRMM: the Deep Rendering Mixture Model."""

import keras
import numpy as np
from keras import ops

from keras_drmm.layers import ClassTemplates
from keras_drmm.models import checks
from keras_drmm.models.convnet import to_convnet
from keras_drmm.models.e_step import EStep
from keras_drmm.models.rendering_model import RenderingModel


@keras.saving.register_keras_serializable(package="keras_drmm")
class DRMM(RenderingModel):
    r"""The nonnegative Deep Rendering Mixture Model.

    A class renders an image level by level, each level's nuisances g = (t, a) choosing
    where its templates go and which are on (5)-(7):

    $$c \sim \mathrm{Cat}(\pi_c), \quad z^{(L)} = \mu_c, \quad
    z^{(\ell-1)} = \Lambda_{g}^{(\ell)} z^{(\ell)} + \alpha^{(\ell)}, \quad
    I \sim \mathcal{N}(z^{(0)}, \sigma^2 1)$$

    Max-sum inference in this model is a convnet (8), (9): `bottom_up` finds the most
    probable class and nuisances, `top_down` renders the image they explain. That
    `infer` finds the best (c, g) is exact for z >= 0 without α and normalisation.

    Args:
        levels: list of `Level`, the finest first.
        num_classes: number of classes.
        input_shape: (H, W, C) of an image, (C, H, W) for channels_first levels.
        pooling: of the `ClassTemplates` on top, "mean" or None.
        rectify: whether z^(ℓ) >= 0 is enforced by a ReLU as z^(ℓ) enters level ℓ
            top-down (11).
        pixel_range: (lowest, highest) value of a pixel. Images outside are refused.
        templates_initializer: of the class templates μ_c.
        **kwargs: `name`, `dtype` of `keras.Model`.

    Shapes:
        `call`: images (B, H, W, C) -> logits (B, num_classes).

    Raises:
        ValueError: an argument is out of range; images or labels are not what the
            model takes.

    Example:

    >>> levels = [Level(8, 3, pool_size=2), Level(16, 3)]
    >>> model = DRMM(levels, num_classes=3, input_shape=(8, 8, 1))
    >>> model.compile("adam", algorithm=keras_drmm.EG())
    >>> images, labels = np.random.rand(6, 8, 8, 1), np.array([0, 1, 2, -1, -1, -1])
    >>> history = model.fit(images, labels, verbose=0)
    >>> model.infer(images).reconstruction.shape
    (6, 8, 8, 1)

    Source: Patel, Nguyen, Baraniuk (2016), section 3.2 and Appendix B.
    """

    def __init__(
        self,
        levels,
        num_classes,
        input_shape,
        pooling="mean",
        rectify=True,
        pixel_range=(0.0, 1.0),
        templates_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not levels:
            raise ValueError("`levels` is empty: a DRMM has at least one `Level`.")
        self.levels = list(levels)
        self.image_shape = tuple(input_shape)
        self.rectify = rectify
        self.pixel_range = tuple(pixel_range)
        self.templates = ClassTemplates(
            num_classes,
            pooling,
            data_format=self.levels[0].data_format,
            templates_initializer=templates_initializer,
            dtype=self.dtype_policy,
            name="templates",
        )
        # Everything is built here: a model made by `from_config` has its weights, and
        # no variable is created inside a compiled step.
        shape = (None, *self.image_shape)
        for level in self.levels:
            # A level that was saved comes back built.
            if not level.built:
                level.build(shape)
            shape = level.compute_output_shape(shape)
        self.templates.build(shape)
        self.steps = self.add_weight(
            name="steps", shape=(), dtype="int", initializer="zeros", trainable=False
        )
        self.built = True

    @property
    def num_classes(self):
        """Number of classes."""
        return self.templates.num_classes

    @property
    def prior(self):
        """π_c, (num_classes,)."""
        return self.templates.prior

    def classify(self, images, training=False):
        """Return the logits (8): the bottom-up pass of a convnet."""
        message = images
        for level in self.levels:
            message = level(message, training=training)
        return self.templates(message)

    def bottom_up(self, images, training=False):
        """Pass messages from fine to coarse (40): I^(0..L) and ĝ^(1..L)."""
        messages, switches = [images], []
        for level in self.levels:
            message, inferred = level.bottom_up(messages[-1], training)
            messages.append(message)
            switches.append(inferred)
        return messages, switches

    def top_down(self, classes, switches, training=False):
        """Render from coarse to fine (35), (36): ẑ^(0..L) of one-hot classes and ĝ."""
        rendered = [self.templates.render(classes)]
        for level, inferred in zip(
            reversed(self.levels), reversed(switches), strict=True
        ):
            z = ops.relu(rendered[0]) if self.rectify else rendered[0]
            rendered.insert(0, level.top_down(z, inferred, training))
        return rendered

    def e_step(self, images, labels=None, training=False, rows_per_render=1):
        """Infer ĉ, ĝ and what they render, on tensors, inside a graph or step.

        Args:
            images: (B, H, W, C).
            labels: integers (B,), -1 for an unlabelled row; a labelled row renders
                its class instead of ĉ.
            training: whether batch normalisation uses the batch's statistics.
            rows_per_render: n renders only the first ceil(B / n) rows, as many as
                `rendered` and `reconstruction` then have. 0 renders none: `rendered`
                is empty and `reconstruction` None.

        Returns:
            An `EStep` of tensors.
        """
        messages, switches = self.bottom_up(images, training)
        logits = self.templates(messages[-1])
        classes = ops.argmax(logits, axis=-1)
        if labels is not None:
            labels = ops.cast(labels, classes.dtype)
            classes = ops.where(labels >= 0, labels, classes)
        rendered = []
        if rows_per_render:
            rows = -(-ops.shape(images)[0] // rows_per_render)
            chosen = self._one_hot(classes[:rows])
            seen = [inferred[:rows] for inferred in switches]
            rendered = self.top_down(chosen, seen, training)
        return EStep(
            logits=logits,
            classes=classes,
            switches=switches,
            messages=messages,
            rendered=rendered,
            reconstruction=rendered[0] if rendered else None,
        )

    def infer(self, x, y=None):
        """Run the E-step on a batch of images.

        Args:
            x: images (B, H, W, C), floats in `pixel_range`.
            y: integer labels (B,), -1 for an unlabelled row, or None. A labelled row
                renders its class.

        Returns:
            An `EStep` of NumPy arrays.

        Raises:
            ValueError: images or labels are not what the model takes.
        """
        self._check(x, y)
        if y is not None:
            y = ops.reshape(ops.convert_to_tensor(y), (-1,))
        e_step = self.e_step(ops.convert_to_tensor(x, self.compute_dtype), y)
        return keras.tree.map_structure(ops.convert_to_numpy, e_step)

    def reconstruct(self, x, batch_size=100):
        """Return Î = ẑ^(0) of images (N, H, W, C), in batches, as a NumPy array."""
        checks.check_images(x, self.image_shape, self.pixel_range)
        parts = [
            self.infer(x[start : start + batch_size]).reconstruction
            for start in range(0, len(x), batch_size)
        ]
        return np.concatenate(parts)

    def render(self, classes, switches):
        """Render images of chosen classes with chosen nuisances (5)-(7).

        Args:
            classes: integers (B,).
            switches: ĝ^(1..L) as `infer` returns them, of B images.

        Returns:
            z^(0), images (B, H, W, C), a NumPy array.

        Raises:
            ValueError: a class is out of range.
        """
        classes = np.asarray(classes)
        checks.check_labels(classes, len(switches[0]), self.num_classes, True)
        switches = [ops.convert_to_tensor(s) for s in switches]
        rendered = self.top_down(self._one_hot(classes), switches)
        return ops.convert_to_numpy(rendered[0])

    def to_convnet(self):
        """Return the convnet that classifies as this model does, with its weights.

        The discriminative counterpart (44): a functional model of stock Keras layers
        that gives the same logits and shares no variable with this model.
        """
        return to_convnet(self)

    def _one_hot(self, classes):
        return ops.one_hot(classes, self.num_classes, dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "levels": [keras.saving.serialize_keras_object(v) for v in self.levels],
            "num_classes": self.num_classes,
            "input_shape": self.image_shape,
            "pooling": self.templates.pooling,
            "rectify": self.rectify,
            "pixel_range": self.pixel_range,
            "templates_initializer": keras.initializers.serialize(
                self.templates.templates_initializer
            ),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["levels"] = [
            keras.saving.deserialize_keras_object(level) for level in config["levels"]
        ]
        return cls(**config)
