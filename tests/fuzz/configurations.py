"""Strategies over layers and models, and what they compute in NumPy."""

import keras
import numpy as np
from hypothesis import strategies as st

import keras_drmm as kd

# TensorFlow has no convolution of channels_first on CPUs.
FORMATS = ["channels_last"]
if keras.config.backend() != "tensorflow":
    FORMATS.append("channels_first")
PADDINGS = ("same", "valid", "full")
# Kernels and cells; an integer counts twice.
pairs = st.one_of(st.integers(1, 4), st.tuples(st.integers(1, 4), st.integers(1, 4)))
small_pairs = st.one_of(
    st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3))
)
dtypes = st.sampled_from(["float32", "mixed_bfloat16"])
seeds = st.integers(0, 2**31 - 1)


# (height, width, channels), of any aspect.
images = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3))


@st.composite
def convolutions(draw):
    """Arguments of `RenderingConv2D`."""
    return {
        "filters": draw(st.integers(1, 3)),
        "kernel_size": draw(pairs),
        "strides": draw(small_pairs),
        "padding": draw(st.sampled_from(PADDINGS)),
        "use_bias": draw(st.booleans()),
        "data_format": draw(st.sampled_from(FORMATS)),
        "dtype": draw(dtypes),
        "bias_initializer": "random_normal",
    }


@st.composite
def levels(draw, data_format, factors=False):
    """Arguments of `Level`."""
    found = {
        "filters": draw(st.integers(1, 3)),
        "kernel_size": draw(pairs),
        "strides": draw(small_pairs),
        "padding": draw(st.sampled_from(PADDINGS)),
        "pool_size": draw(small_pairs),
        "batch_norm": draw(st.booleans()),
        "data_format": data_format,
    }
    if not factors:
        found["top_down_batch_norm"] = draw(st.booleans())
    return found


@st.composite
def models(draw):
    """(class, arguments of the levels, arguments of the model)."""
    kind = draw(st.sampled_from([kd.DRMM, kd.DRMM, kd.DRFM, kd.RFM]))
    data_format = draw(st.sampled_from(FORMATS))
    number = 1 if kind is kd.RFM else draw(st.integers(1, 3))
    dtype = draw(dtypes)
    of_levels = [
        {**draw(levels(data_format, kind is not kd.DRMM)), "dtype": dtype}
        for _ in range(number)
    ]
    height, width, channels = draw(images)
    shape = (height, width, channels)
    if data_format == "channels_first":
        shape = (channels, height, width)
    arguments = {
        "input_shape": shape,
        "num_classes": draw(st.integers(2, 4)),
        "pooling": draw(st.sampled_from(["mean", None])),
        "dtype": dtype,
    }
    if kind is kd.DRMM:
        arguments["nonnegative"] = draw(st.booleans())
        arguments["alternations"] = draw(st.integers(1, 3))
    else:
        arguments["num_factors"] = draw(st.integers(1, 4))
    return kind, of_levels, arguments


def make(kind, of_levels, arguments):
    made = [kd.Level(**options) for options in of_levels]
    return kind(made[0] if kind is kd.RFM else made, **arguments)


def perturb(layer, seed):
    """Give all weights values that are near those at the start, and none that is 0."""
    random = np.random.default_rng(seed)
    changed = []
    for weight in layer.weights:
        value = keras.ops.convert_to_numpy(weight)
        if np.issubdtype(value.dtype, np.floating):
            value = value + random.uniform(0.01, 0.2, value.shape)
        changed.append(value.astype(weight.dtype))
    layer.set_weights(changed)


def as_pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def geometry(size, length, stride, padding):
    """(windows, zeros before, zeros after) of an axis, as TensorFlow pads."""
    if padding == "same":
        count = -(-size // stride)
        zeros = max((count - 1) * stride + length - size, 0)
        return count, zeros // 2, zeros - zeros // 2
    zeros = length - 1 if padding == "full" else 0
    return (size + 2 * zeros - length) // stride + 1, zeros, zeros


def correlation(x, kernel, strides, padding):
    """A of `RenderingConv2D`, in float64: loops over the positions of a template."""
    (rows, top, bottom), (columns, left, right) = (
        geometry(size, length, stride, padding)
        for size, length, stride in zip(
            x.shape[1:3], kernel.shape, strides, strict=False
        )
    )
    x = np.pad(np.float64(x), [(0, 0), (top, bottom), (left, right), (0, 0)])
    found = np.zeros((len(x), rows, columns, kernel.shape[3]))
    for i, j in np.ndindex(kernel.shape[:2]):
        part = x[:, i :: strides[0], j :: strides[1]][:, :rows, :columns]
        found += part @ np.float64(kernel[i, j])
    return found


def unpooled(z, switches, cell, sizes):
    """Each value at the position of its cell that its switch names."""
    (_, top, _), (_, left, _) = (
        geometry(size, length, length, "same")
        for size, length in zip(sizes, cell, strict=True)
    )
    found = np.zeros((len(z), *sizes, z.shape[3]))
    for place in np.ndindex(z.shape):
        position = switches[place]
        if position >= 0:
            row = place[1] * cell[0] + position // cell[1] - top
            column = place[2] * cell[1] + position % cell[1] - left
            found[place[0], row, column, place[3]] = z[place]
    return found
