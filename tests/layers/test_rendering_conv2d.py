import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm.layers import RenderingConv2D

PADDINGS = ["same", "valid", "full"]
KERNELS = [1, 2, (3, 2), (4, 5)]
SIZES = [(6, 7), (7, 6)]


def _normal(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def _stock(layer, shape):
    """The same matching in stock layers, with the weights of `layer`."""
    stock = keras.Sequential([keras.Input(shape[1:])])
    if layer.padding == "full":
        widths = tuple(k - 1 for k in layer.kernel_size)
        stock.add(keras.layers.ZeroPadding2D(widths))
    stock.add(
        keras.layers.Conv2D(
            layer.filters,
            layer.kernel_size,
            layer.strides,
            "same" if layer.padding == "same" else "valid",
        )
    )
    stock.set_weights(layer.get_weights())
    return stock


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kernel_size", [(3, 2), (4, 5)])
def test_call_equals_the_stock_convolution(kernel_size, padding, strides):
    x = _normal((2, 7, 6, 3))
    layer = RenderingConv2D(
        4,
        kernel_size,
        strides,
        padding,
        bias_initializer="random_normal",
    )
    result = layer(x)
    expected = _stock(layer, x.shape).predict_on_batch(x)
    np.testing.assert_allclose(
        ops.convert_to_numpy(result), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kernel_size", KERNELS)
def test_render_is_the_adjoint_of_call(kernel_size, padding, strides):
    for size in SIZES:
        x = _normal((2, *size, 3))
        layer = RenderingConv2D(4, kernel_size, strides, padding, use_bias=False)
        matched = ops.convert_to_numpy(layer(x))
        z = _normal(matched.shape, seed=1)
        # With the size it was built for, and with the same one named.
        other = RenderingConv2D.from_config(layer.get_config())
        other.build((None, None, None, 3))
        other.set_weights(layer.get_weights())
        for rendered in (layer.render(z), other.render(z, size)):
            rendered = ops.convert_to_numpy(rendered)
            assert rendered.shape == x.shape
            left = np.vdot(matched.astype("float64"), z)
            right = np.vdot(x.astype("float64"), rendered)
            scale = np.linalg.norm(x) * np.linalg.norm(rendered)
            assert abs(left - right) <= 1e-5 * min(scale, abs(left) + 1)


@pytest.mark.skipif(
    keras.config.backend() == "tensorflow",
    reason="TensorFlow has no channels_first convolution on CPUs",
)
@pytest.mark.parametrize("padding", PADDINGS)
def test_channels_first_moves_the_axes_alone(padding):
    last = RenderingConv2D(4, (2, 3), 2, padding, data_format="channels_last")
    first = RenderingConv2D(4, (2, 3), 2, padding, data_format="channels_first")
    x = _normal((2, 6, 7, 3))
    u = ops.convert_to_numpy(last(x))
    first.build((None, 3, 6, 7))
    first.set_weights(last.get_weights())
    assert first.compute_output_shape((2, 3, 6, 7)) == np.moveaxis(u, 3, 1).shape
    for result, expected in [
        (first(np.moveaxis(x, 3, 1)), u),
        (first.render(np.moveaxis(u, 3, 1)), ops.convert_to_numpy(last.render(u))),
    ]:
        np.testing.assert_allclose(
            np.moveaxis(ops.convert_to_numpy(result), 1, 3), expected, atol=1e-5
        )


def test_render_is_the_transposed_matrix_of_call():
    layer = RenderingConv2D(2, (3, 2), (2, 1), "same", use_bias=False)
    units = np.eye(5 * 4, dtype="float32").reshape(-1, 5, 4, 1)
    matrix = ops.convert_to_numpy(layer(units)).reshape(len(units), -1)
    maps = np.eye(matrix.shape[1], dtype="float32").reshape(-1, 3, 4, 2)
    rendered = ops.convert_to_numpy(layer.render(maps)).reshape(len(maps), -1)
    np.testing.assert_allclose(rendered, matrix.T, atol=1e-6)


@pytest.mark.parametrize(
    ("padding", "expected"), [("same", (6, 8)), ("valid", (7, 9)), ("full", (3, 5))]
)
def test_render_of_a_layer_built_for_any_size(padding, expected):
    layer = RenderingConv2D(2, 3, 2, padding)
    layer.build((None, None, None, 1))
    rendered = layer.render(np.ones((1, 3, 4, 2), "float32"))
    assert tuple(rendered.shape) == (1, *expected, 1)
    assert tuple(layer(rendered).shape) == (1, 3, 4, 2)


@pytest.mark.parametrize("padding", PADDINGS)
def test_output_shape_is_the_real_one(padding):
    for size, kernel, stride in itertools.product((4, 6), (1, 2, 4), (1, 2, 3)):
        layer = RenderingConv2D(2, kernel, stride, padding)
        x = np.zeros((1, size, size + 1, 1), "float32")
        assert layer.compute_output_shape(x.shape) == tuple(layer(x).shape)


def test_mixed_precision_keeps_float32_weights():
    layer = RenderingConv2D(2, 3, dtype="mixed_bfloat16")
    u = layer(np.ones((1, 4, 4, 1), "float32"))
    for tensor in (u, layer.render(u), layer.render(np.ones((1, 4, 4, 2)))):
        assert keras.backend.standardize_dtype(tensor.dtype) == "bfloat16"
    assert layer.kernel.dtype == layer.bias.dtype == "float32"


def test_config_round_trip():
    layer = RenderingConv2D(
        np.int64(4), [3, 2], 2, "full", False, "channels_first", "zeros", "ones", "l2"
    )
    config = layer.get_config()
    assert RenderingConv2D.from_config(config).get_config() == config
    assert (config["filters"], config["kernel_size"]) == (4, (3, 2))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("filters", value) for value in (0, -1, 2.0, True, None, "8")],
        *[
            ("kernel_size", v)
            for v in (0, (3, 0), 2.5, (3, 2.0), True, (1, 2, 3), "33")
        ],
        *[("strides", value) for value in (0, (1, -1), 1.0, False)],
        *[("padding", value) for value in ("SAME", "causal", None, 1)],
        ("data_format", "channels_middle"),
    ],
)
def test_bad_arguments_are_named(name, value):
    arguments = {"filters": 2, "kernel_size": 3, name: value}
    with pytest.raises(ValueError, match=rf"`{name}` must be"):
        RenderingConv2D(**arguments)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 8, 8), "takes shape .* Add the missing axis"),
        ((2, 8, 8, 3), "takes 1 channels, got 3"),
    ],
)
def test_bad_images_are_refused(shape, message):
    layer = RenderingConv2D(2, 3)
    layer.build((None, 8, 8, 1))
    with pytest.raises(ValueError, match=message):
        layer(np.zeros(shape, "float32"))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((None, 2, 8, 1), "no smaller than its kernel"),
        ((None, 8, 8, None), "needs a known number of channels"),
        ((8, 8, 1), "Add the missing axis"),
    ],
)
def test_shapes_that_cannot_be_built_for(shape, message):
    with pytest.raises(ValueError, match=message):
        RenderingConv2D(2, 3, padding="valid").build(shape)


@pytest.mark.parametrize(
    ("shape", "output_shape", "message"),
    [
        ((1, 4, 4, 2), (9, 8), "maps size .* give the `output_shape`"),
        ((1, 4, 4, 2), (8, 8, 1), r"must be \(height, width\)"),
        ((1, 4, 4, 3), None, "takes 2 channels, got 3"),
        ((4, 4, 2), None, "takes shape"),
    ],
)
def test_bad_renders_are_refused(shape, output_shape, message):
    layer = RenderingConv2D(2, 3, strides=2)
    layer.build((None, 8, 8, 1))
    with pytest.raises(ValueError, match=message):
        layer.render(np.zeros(shape, "float32"), output_shape)


def test_maps_that_come_from_no_image_are_refused():
    layer = RenderingConv2D(2, 5, strides=2, padding="full")
    layer.build((None, 8, 8, 1))
    with pytest.raises(ValueError, match="maps size"):
        layer.render(np.zeros((1, 1, 1, 2), "float32"))


def test_render_needs_templates():
    with pytest.raises(ValueError, match="call the layer on an image"):
        RenderingConv2D(2, 3).render(np.zeros((1, 4, 4, 2), "float32"))
