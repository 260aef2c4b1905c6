"""Any convolution, its adjoint and its rendering against NumPy."""

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from keras import ops

from keras_drmm.layers import RenderingConv2D, SwitchMaxPool, TopDownRender
from tests.fuzz.configurations import (
    as_pair,
    convolutions,
    correlation,
    dtypes,
    geometry,
    images,
    seeds,
    small_pairs,
    unpooled,
)
from tests.own_errors import outcome

pytestmark = pytest.mark.usefixtures("whole_tracebacks")
fuzz = settings.get_profile("fuzz")
# Of the largest number: bfloat16 has 8 bits.
TOLERANCE = {"float32": 2e-5, "mixed_bfloat16": 4e-2}


def to_last(x, layer):
    """As NumPy, with the channels last."""
    x = np.asarray(ops.convert_to_numpy(ops.cast(x, "float32")), "float64")
    return x if layer.data_format == "channels_last" else np.moveaxis(x, 1, -1)


def from_last(x, layer):
    x = np.asarray(x, "float32")
    return x if layer.data_format == "channels_last" else np.moveaxis(x, -1, 1)


def assert_near(found, expected, dtype):
    assert found.shape == expected.shape
    scale = max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


def is_too_small(size, options):
    lengths, strides = as_pair(options["kernel_size"]), as_pair(options["strides"])
    axes = zip(size, lengths, strides, strict=False)
    return any(geometry(*axis, options["padding"])[0] < 1 for axis in axes)


@fuzz
@given(images, convolutions(), seeds)
def test_matching_and_rendering_are_those_of_numpy(size, options, seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(2, *size))
    layer = RenderingConv2D(**options)
    given_x = from_last(x, layer)
    if is_too_small(size, options):
        event("smaller than a template")
        _, error = outcome(layer, given_x)
        assert "no smaller than its kernel" in str(error)
        return
    u = to_last(layer(given_x), layer)
    kernel, dtype = ops.convert_to_numpy(layer.kernel), options["dtype"]
    bias = ops.convert_to_numpy(layer.bias) if options["use_bias"] else 0.0
    matched = correlation(x, kernel, layer.strides, layer.padding)
    assert_near(u, matched + bias, dtype)
    assert from_last(u, layer).shape == layer.compute_output_shape(given_x.shape)

    # <A x, y> = <x, Aᵀ y> of NumPy's A and the layer's Aᵀ.
    y = random.normal(size=matched.shape)
    rendered = to_last(layer.render(from_last(y, layer)), layer)
    assert rendered.shape == x.shape
    scale = np.linalg.norm(x) * np.linalg.norm(y) * np.linalg.norm(kernel)
    assert abs(np.vdot(matched, y) - np.vdot(x, rendered)) <= TOLERANCE[dtype] * scale

    config = layer.get_config()
    again = RenderingConv2D.from_config(config)
    assert again.get_config() == config
    again.build(given_x.shape)
    again.set_weights(layer.get_weights())
    assert_near(to_last(again(given_x), layer), u, dtype)


@fuzz
@given(images, convolutions(), small_pairs, dtypes, seeds)
def test_a_level_renders_and_matches_as_numpy_does(size, options, cell, dtype, seed):
    options = {**options, "use_bias": False, "dtype": dtype}
    if is_too_small(size, options):
        return
    random = np.random.default_rng(seed)
    conv = RenderingConv2D(**options)
    pool = SwitchMaxPool(cell, data_format=options["data_format"], dtype=dtype)
    down = TopDownRender(conv, pool, dtype=dtype)
    x = random.normal(size=(2, *size))
    pooled, found = pool(conv(from_last(x, conv)))
    switches = to_last(found, conv).astype(int)
    u = to_last(conv(from_last(x, conv)), conv)
    pooled = to_last(pooled, conv)
    # Each switch names the value that was pooled, and that is the largest.
    placed = unpooled(np.ones_like(pooled), switches, pool.pool_size, u.shape[1:3])
    assert set(np.unique(placed)) <= {0.0, 1.0}
    assert placed.sum() == (switches >= 0).sum()
    np.testing.assert_allclose((placed * u).sum((1, 2)), pooled.sum((1, 2)), atol=0.1)
    assert (pooled >= 0).all()
    assert ((pooled > 0) == (switches >= 0)).all()

    z = random.normal(size=pooled.shape)
    on_map = unpooled(z, switches, pool.pool_size, u.shape[1:3])
    kernel = ops.convert_to_numpy(conv.kernel)
    rendered = to_last(down(from_last(z, conv), found), conv)
    y = random.normal(size=x.shape)
    matched = correlation(y, kernel, conv.strides, conv.padding)
    scale = np.linalg.norm(z) * np.linalg.norm(y) * (1 + np.linalg.norm(kernel))
    # <Λ z, y> = <unpool(z), A y> = <z, Λᵀ y>.
    expected = np.vdot(on_map, matched)
    adjoint = to_last(down.adjoint(from_last(y, conv), found), conv)
    for inner in (np.vdot(rendered, y), np.vdot(z, adjoint)):
        assert abs(inner - expected) <= TOLERANCE[dtype] * scale


JUNK = st.one_of(
    st.sampled_from(
        [None, True, False, -1, 0, 1.5, float("nan"), float("inf"), 10**30, "", "x"]
    ),
    st.sampled_from([(), (1,), (0, 1), (1, 2, 3), [2, "2"], {}, {"a": 1}, b"x"]),
    st.sampled_from([np.zeros(2), np.array(["a"]), object(), print, int]),
    st.integers(-3, 200),
    st.floats(),
    st.text(max_size=3),
)
NAMES = ("filters", "kernel_size", "strides", "padding", "use_bias", "data_format")


@pytest.mark.once
@fuzz
@given(convolutions(), st.sampled_from(NAMES), JUNK)
def test_a_bad_argument_is_refused_by_a_check_of_our_own(options, name, value):
    layer, error = outcome(RenderingConv2D, **{**options, name: value})
    event("taken" if error is None else "refused")
    if error is not None:
        assert f"`{name}`" in str(error)
        return
    config = layer.get_config()
    assert RenderingConv2D.from_config(config).get_config() == config


@pytest.mark.once
@fuzz
@given(
    st.lists(st.one_of(st.none(), st.integers(-2, 5)), min_size=3, max_size=5),
    convolutions(),
)
def test_a_bad_shape_is_refused_by_a_check_of_our_own(shape, options):
    layer = RenderingConv2D(**options)
    _, error = outcome(layer.build, tuple(shape))
    event("taken" if error is None else "refused")
    if error is None:
        assert layer.kernel.shape[2] == shape[layer.channel_axis] > 0
        assert all(n is None or n > 0 for n in shape[1:])
