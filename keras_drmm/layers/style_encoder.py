"""StyleEncoder: what style an image has."""

import math

import keras
from keras import ops

from keras_drmm.layers.arguments import check_keywords, standardize_integer
from keras_drmm.layers.image_layer import ImageLayer
from keras_drmm.layers.weight_budget import reserve

# Keeps exp finite in any precision.
LOG_VARIANCES = (-10.0, 5.0)


@keras.saving.register_keras_serializable(package="keras_drmm")
class StyleEncoder(ImageLayer):
    r"""The approximate posterior of an image's style given its class.

    $$q(u \mid I, c) = \mathcal{N}(u;\, \mu(I, c), \mathrm{diag}\, v(I, c))$$

    Two convolutions of 3x3 with strides of 2 read the finest message I^(1), and a dense
    layer reads what they found and the class.

    Args:
        num_classes: number of classes.
        style_size: d, the number of values of a style.
        width: channels of the first convolution; the second has twice as many.
        data_format: "channels_last", "channels_first" or None for Keras' default.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Shapes:
        I^(1) (B, h, w, C) and one-hot classes (B, num_classes) -> μ and ln v, both
        (B, d), float32.

    Raises:
        ValueError: an argument is out of range.

    Example:

    >>> encoder = StyleEncoder(num_classes=3, style_size=4)
    >>> mean, _ = encoder(np.ones((2, 8, 8, 5), "float32"), np.eye(3)[:2])
    >>> tuple(mean.shape)
    (2, 4)

    Source: Kingma, Welling (2014), "Auto-Encoding Variational Bayes".
    """

    def __init__(
        self, num_classes, style_size=64, width=32, data_format=None, **kwargs
    ):
        check_keywords(type(self), kwargs)
        super().__init__(data_format, **kwargs)
        self.num_classes = standardize_integer(num_classes, "num_classes", minimum=2)
        self.style_size = standardize_integer(style_size, "style_size")
        self.width = standardize_integer(width, "width")
        self.convs = [
            keras.layers.Conv2D(
                filters,
                3,
                strides=2,
                padding="same",
                activation="relu",
                data_format=self.data_format,
                dtype=self.dtype_policy,
                name=f"conv_{n}",
            )
            for n, filters in enumerate((self.width, 2 * self.width), start=1)
        ]
        self.dense = keras.layers.Dense(
            2 * self.style_size, dtype=self.dtype_policy, name="dense"
        )

    def build(self, message_shape, classes_shape=None):
        shape = tuple(message_shape)
        for conv in self.convs:
            conv.build(shape)
            shape = conv.compute_output_shape(shape)
        width = math.prod(shape[1:]) + self.num_classes
        reserve((width, self.dense.units))
        self.dense.build((None, width))

    def call(self, message, classes):
        for conv in self.convs:
            message = conv(message)
        rows = ops.reshape(message, (-1, math.prod(message.shape[1:])))
        classes = ops.cast(classes, rows.dtype)
        found = self.dense(ops.concatenate([rows, classes], axis=-1))
        mean, log_variance = ops.split(ops.cast(found, "float32"), 2, axis=-1)
        return mean, ops.clip(log_variance, *LOG_VARIANCES)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "style_size": self.style_size,
            "width": self.width,
        }
