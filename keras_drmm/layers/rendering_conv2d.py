"""RenderingConv2D: template matching and, with the same kernel, rendering."""

from typing import Any

import keras
from keras import ops

from keras_drmm import kernels
from keras_drmm.layers.arguments import (
    check_choice,
    standardize_boolean,
    standardize_integer,
    standardize_object,
    standardize_pair,
)
from keras_drmm.layers.geometry import Windows, crop, pad
from keras_drmm.layers.image_layer import ImageLayer


@keras.saving.register_keras_serializable(package="keras_drmm")
class RenderingConv2D(ImageLayer):
    r"""Matches rendering templates by convolution and renders by its exact adjoint.

    Bottom-up, `call` correlates the input with the templates Γ of one level,
    `u = conv(x, Γ) + b` (Lemma A.2 of the paper: a translational nuisance turns
    template matching into a convolution). Top-down, `render` adds a template,
    weighted by `z`, at each position: the transpose of the bias-free `call`, with
    the same variable:

    $$\langle \mathrm{conv}(x), z \rangle = \langle x, \mathrm{render}(z) \rangle$$

    Args:
        filters: number of templates, the channels of the output.
        kernel_size: height and width of a template, an integer or a pair.
        strides: step of the window, an integer or a pair.
        padding: "same" (as `keras.layers.Conv2D` pads), "valid", or "full", which
            counts every position at which template and image overlap.
        use_bias: whether `call` adds a bias to each template's match.
        data_format: "channels_last", "channels_first" or None for Keras' default.
        kernel_initializer, bias_initializer, kernel_regularizer: as in
            `keras.layers.Conv2D`.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Shapes:
        `call`: (B, H, W, C) -> (B, H', W', filters); `render` goes back. With
        channels_first the channels are axis 1.

    Raises:
        ValueError: an argument is out of range, or the input has another rank or
            number of channels than the layer was built for.

    Example:

    >>> layer = RenderingConv2D(8, 3, padding="full")
    >>> u = layer(np.ones((2, 5, 5, 1), "float32"))
    >>> tuple(u.shape), tuple(layer.render(u).shape)
    ((2, 7, 7, 8), (2, 5, 5, 1))

    Source: Patel, Nguyen, Baraniuk (2016), equations (5)-(9), Lemma A.2.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="same",
        use_bias=True,
        data_format=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(data_format, **kwargs)
        check_choice(padding, "padding", ("same", "valid", "full"))
        self.filters = standardize_integer(filters, "filters")
        self.kernel_size = standardize_pair(kernel_size, "kernel_size")
        self.strides = standardize_pair(strides, "strides")
        self.padding = padding
        self.use_bias = standardize_boolean(use_bias, "use_bias")
        self.windows = Windows(self.kernel_size, self.strides, padding)
        self.kernel_initializer = standardize_object(
            kernel_initializer,
            "kernel_initializer",
            keras.initializers.get,
            "he_normal",
        )
        self.bias_initializer = standardize_object(
            bias_initializer, "bias_initializer", keras.initializers.get, "zeros"
        )
        self.kernel_regularizer = standardize_object(
            kernel_regularizer, "kernel_regularizer", keras.regularizers.get, "l2"
        )
        self.kernel: Any = None
        self.bias = None

    def build(self, input_shape):
        # Raises for an image smaller than a template.
        self.compute_output_shape(input_shape)
        channels = input_shape[self.channel_axis]
        if channels is None:
            raise ValueError(
                f"`{self.name}` needs a known number of channels, got shape "
                f"{tuple(input_shape)}."
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer
            )
        # Strides leave several sizes that `render` could go back to.
        self.go_back_to(input_shape)

    def call(self, x):
        u = self.match(x)
        return u if self.bias is None else self.add_bias(u)

    def add_bias(self, u):
        """Return a map of `filters` channels plus the bias of each."""
        shape = [1, 1, 1, 1]
        shape[self.channel_axis] = self.filters
        # Outside of `call` Keras does not cast for mixed precision.
        return u + ops.reshape(ops.cast(self.bias, u.dtype), shape)

    def match(self, x):
        """Return the bias-free `call`, of which `render` is the transpose."""
        self._check_map(x.shape, self.kernel.shape[2])
        # Outside of `call` Keras does not cast for mixed precision.
        x, kernel = (ops.cast(v, self.compute_dtype) for v in (x, self.kernel))
        padding = self.padding
        if padding == "full":
            x = pad(x, self.windows.paddings(self._sizes(x.shape)), self.rows)
            padding = "valid"
        # (B, H, W, C) -> (B, H', W', filters)
        return ops.conv(x, kernel, self.strides, padding, self.data_format)

    def render(self, z, output_shape=None):
        """Apply the transpose of the bias-free `call` to `z`.

        Args:
            z: tensor of shape (B, H', W', filters), a weight for each template at
                each position.
            output_shape: (H, W) of the result. By default the size the layer was
                built with if `call` maps it to z's size. Else, as when it was built
                for any size, it is `strides` times z's size for padding "same" and
                the smallest size that `call` maps to z's size otherwise.

        Returns:
            Tensor of shape (B, H, W, C): the sum of the weighted templates.

        Raises:
            ValueError: the layer is not built, or `call` does not map
                `output_shape` to z's size.
        """
        sizes = self._rendered_sizes(ops.shape(z), output_shape)
        # Outside of `call` Keras does not cast for mixed precision.
        z, kernel = (ops.cast(v, self.compute_dtype) for v in (z, self.kernel))
        # Without padding the transpose of a strided window is a full overlap-add;
        # what fell on the padding is then cut off again.
        # (B, H', W', filters) -> (B, before + H + after, .., C)
        x = kernels.overlap_add(z, kernel, self.strides, self.data_format)
        if self.padding != "same":
            # The last rows and columns, which no window reaches.
            x = pad(x, tuple((0, stride - 1) for stride in self.strides), self.rows)
        return crop(x, self.windows.paddings(sizes), sizes, self.rows)

    def compute_output_shape(self, input_shape):
        self._check_map(input_shape)
        counts = self.windows.counts(self._sizes(input_shape))
        if any(count is not None and count < 1 for count in counts):
            raise ValueError(
                f"`{self.name}` needs images no smaller than its kernel "
                f"{self.kernel_size} without padding, got shape {tuple(input_shape)}. "
                "Use padding='same' or 'full', or a smaller kernel."
            )
        return self._with_sizes(input_shape, counts, self.filters)

    def compute_rendered_shape(self, z_shape):
        """Return the shape of `render(z)`."""
        sizes = self._rendered_sizes(z_shape, None)
        return self._with_sizes(z_shape, sizes, self.kernel.shape[2])

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }

    def _rendered_sizes(self, z_shape, output_shape):
        if self.kernel is None:
            raise ValueError(
                f"`{self.name}.render` needs templates: call the layer on an image "
                "or `build` it first."
            )
        self._check_map(z_shape, self.filters)
        return self.windows.sources(
            self._sizes(z_shape), self._built_sizes, output_shape, self.name
        )
