"""SwitchMaxPool: ReLU and max-pooling that keep the switches they infer."""

import keras
from keras import ops

from keras_drmm import kernels
from keras_drmm.layers.arguments import standardize_pair
from keras_drmm.layers.geometry import Windows, crop, pad
from keras_drmm.layers.image_layer import ImageLayer


@keras.saving.register_keras_serializable(package="keras_drmm")
class SwitchMaxPool(ImageLayer):
    r"""Infers where a template moved and whether it is on: max-sum over (t, a).

    In each cell of `pool_size` positions, and for each channel:

    $$\hat t = \arg\max_t u(t), \quad \hat a = [\max_t u(t) > 0], \quad
    \mathrm{pooled} = \hat a \max_t u(t) = \mathrm{MaxPool}(\mathrm{ReLU}(u))$$

    Exactly one position of a cell wins, the first (row-major) among equals, so that
    a flat patch of an image has one cause and not several. NaN wins its cell and is
    passed on, the last of several, as in PyTorch's `MaxPooling2D` but not TensorFlow's:
    a model that diverges must not hide it.

    Args:
        pool_size: height and width of a cell, an integer or a pair; 1 leaves the map
            at its size and infers a alone. At most 127 positions a cell, the range
            of int8.
        data_format: "channels_last", "channels_first" or None for Keras' default.
        **kwargs: `name`, `dtype` of `keras.layers.Layer`.

    Shapes:
        (B, H, W, C) -> `pooled` and `switches`, both (B, ceil(H/kh), ceil(W/kw), C).
        `switches` are int8: the winner's row-major index in its cell, -1 for OFF.
        Sizes that the cell does not divide are padded as
        `keras.layers.MaxPooling2D(padding="same")` pads; padding never wins.

    Raises:
        ValueError: `pool_size` or `data_format` is out of range, or the input has
            not four axes.

    Example:

    >>> u = np.array([[1.0, 3.0], [3.0, -2.0]], "float32").reshape(1, 2, 2, 1)
    >>> pool = SwitchMaxPool(2)
    >>> pooled, switches = pool(u)
    >>> float(pooled[0, 0, 0, 0]), int(switches[0, 0, 0, 0])
    (3.0, 1)
    >>> unpooled = keras.ops.convert_to_numpy(pool.unpool(pooled, switches))
    >>> unpooled[0, :, :, 0].tolist()
    [[0.0, 3.0], [0.0, 0.0]]

    Source: Patel, Nguyen, Baraniuk (2016), equations (8), (9), (40), (42), (43).
    """

    def __init__(self, pool_size=2, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.pool_size = standardize_pair(pool_size, "pool_size")
        if self.pool_size[0] * self.pool_size[1] > 127:
            raise ValueError(
                f"`pool_size` {self.pool_size} has over 127 positions, more than an "
                "int8 switch can number."
            )
        self.windows = Windows(self.pool_size, self.pool_size, "same")

    def build(self, input_shape):
        self._check_map(input_shape)
        # Where the cell does not divide the size, several pool to the same.
        self.go_back_to(input_shape)

    def call(self, u):
        self._check_map(u.shape)
        u = pad(u, self.windows.paddings(self._sizes(ops.shape(u))), self.rows)
        # (B, H, W, C) -> (B, H/kh, W/kw, C) twice
        return kernels.switch_pool(u, self.pool_size, self.rows)

    def unpool(self, z, switches, output_shape=None):
        """Place each value of `z` at its cell's winner, 0 elsewhere and where OFF.

        Args:
            z: tensor of shape (B, h, w, C).
            switches: int8 tensor of the same shape, from `call`.
            output_shape: (H, W) of the result. By default the size the layer was
                built with if it pools to z's size, else `pool_size` times z's size.

        Returns:
            Tensor of shape (B, H, W, C).

        Raises:
            ValueError: `z` and `switches` differ in shape, or `output_shape` does not
                pool to z's size.
        """
        z, switches = ops.convert_to_tensor(z), ops.convert_to_tensor(switches)
        if len(z.shape) != len(switches.shape) or any(
            None not in pair and pair[0] != pair[1]
            for pair in zip(z.shape, switches.shape, strict=True)
        ):
            raise ValueError(
                f"`{self.name}.unpool` needs a switch for each value of `z`, got "
                f"shapes {tuple(z.shape)} and {tuple(switches.shape)}."
            )
        sizes = self._unpooled_sizes(ops.shape(z), output_shape)
        # (B, h, w, C) -> (B, h * kh, w * kw, C)
        unpooled = kernels.unpool(z, switches, self.pool_size, self.rows)
        # -> (B, H, W, C)
        return crop(unpooled, self.windows.paddings(sizes), sizes, self.rows)

    def pick(self, u, switches):
        """Read `u` at each cell's winner, 0 where OFF: the transpose of `unpool`.

        Args:
            u: tensor of shape (B, H, W, C).
            switches: int8 tensor of shape (B, h, w, C), from `call`.

        Returns:
            Tensor of shape (B, h, w, C).
        """
        u, switches = ops.convert_to_tensor(u), ops.convert_to_tensor(switches)
        u = pad(u, self.windows.paddings(self._sizes(ops.shape(u))), self.rows)
        # (B, H, W, C) -> (B, h, w, C)
        return kernels.pick(u, switches, self.pool_size, self.rows)

    def spread(self, z, output_shape=None):
        """Give every position of a cell the cell's value.

        Args:
            z: tensor of shape (B, h, w, C).
            output_shape: as in `unpool`.

        Returns:
            Tensor of shape (B, H, W, C).
        """
        sizes = self._unpooled_sizes(ops.shape(z), output_shape)
        for axis, length in enumerate(self.pool_size, start=self.rows):
            z = ops.repeat(z, length, axis)
        return crop(z, self.windows.paddings(sizes), sizes, self.rows)

    def compute_output_shape(self, input_shape):
        self._check_map(input_shape)
        counts = self.windows.counts(self._sizes(input_shape))
        pooled = self._with_sizes(input_shape, counts, input_shape[self.channel_axis])
        return pooled, pooled

    def compute_unpooled_shape(self, z_shape):
        """Return the shape of `unpool(z, switches)`."""
        sizes = self._unpooled_sizes(z_shape, None)
        return self._with_sizes(z_shape, sizes, z_shape[self.channel_axis])

    def compute_output_spec(self, u):
        pooled, switches = self.compute_output_shape(u.shape)
        return (
            keras.KerasTensor(pooled, dtype=self.compute_dtype),
            keras.KerasTensor(switches, dtype="int8"),
        )

    def get_config(self):
        return {**super().get_config(), "pool_size": self.pool_size}

    def _unpooled_sizes(self, z_shape, output_shape):
        self._check_map(z_shape)
        return self.windows.sources(
            self._sizes(z_shape), self._built_sizes, output_shape, self.name
        )
