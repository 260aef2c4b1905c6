import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops

from keras_drmm.layers import SwitchMaxPool
from tests.kernels.differentiate import compiled, vector_jacobian

POOL_SIZES = [1, 2, 3, (2, 3)]


def _ties(size, seed=0):
    """A map with many equal values, also within a cell."""
    rng = np.random.default_rng(seed)
    return rng.integers(-2, 3, (2, *size, 3)).astype("float32")


def _padding(size, cell):
    total = -size % cell
    return total // 2, total - total // 2


def _reference(u, cell):
    """Pooled values, switches and the position of each winner, by loops."""
    (kh, kw), (rows, columns) = cell, u.shape[1:3]
    (top, bottom), (left, right) = _padding(rows, kh), _padding(columns, kw)
    widths = ((0, 0), (top, bottom), (left, right), (0, 0))
    u = np.pad(u, widths, constant_values=-np.inf)
    shape = (u.shape[0], u.shape[1] // kh, u.shape[2] // kw, u.shape[3])
    pooled, switches, winners = np.zeros(shape, "float32"), np.zeros(shape, "int8"), {}
    for at in np.ndindex(shape):
        b, i, j, c = at
        values = u[b, i * kh : (i + 1) * kh, j * kw : (j + 1) * kw, c].ravel()
        index = int(np.argmax(values))
        if values[index] > 0:
            pooled[at], switches[at] = values[index], index
            winner = (b, i * kh + index // kw - top, j * kw + index % kw - left, c)
            winners[at] = winner
        else:
            switches[at] = -1
    return pooled, switches, winners


def _place(z, winners, shape):
    placed = np.zeros(shape, "float32")
    for at, winner in winners.items():
        placed[winner] = z[at]
    return placed


def _check(u, pool_size):
    """Compare pooling, unpooling and both gradients with loops."""
    pool = SwitchMaxPool(pool_size)
    pooled, switches = compiled(pool)(u)
    expected, expected_switches, winners = _reference(u, pool.pool_size)
    np.testing.assert_array_equal(ops.convert_to_numpy(pooled), expected)
    assert keras.backend.standardize_dtype(switches.dtype) == "int8"
    np.testing.assert_array_equal(ops.convert_to_numpy(switches), expected_switches)
    z = np.random.default_rng(1).normal(size=expected.shape).astype("float32")
    placed = _place(z, winners, u.shape)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(compiled(pool.unpool)(z, switches)), placed
    )
    np.testing.assert_array_equal(vector_jacobian(lambda u: pool(u)[0], u, z), placed)
    read = vector_jacobian(lambda z: pool.unpool(z, switches), z, u)
    at = tuple(np.array(list(winners.values()), int).reshape(-1, 4).T)
    to = tuple(np.array(list(winners), int).reshape(-1, 4).T)
    expected_read = np.zeros_like(z)
    expected_read[to] = u[at]
    np.testing.assert_array_equal(read, expected_read)


@pytest.mark.parametrize("pool_size", POOL_SIZES)
def test_equals_loops(pool_size):
    # Sizes that some cells divide and others do not.
    _check(_ties((6, 5)), pool_size)


@pytest.mark.parametrize("pool_size", [1, (2, 3)])
@settings(max_examples=8)
@given(
    u=arrays("float32", (1, 5, 4, 1), elements=st.sampled_from([-1, -0.0, 0, 0.5, 2]))
)
def test_equals_loops_on_any_map(pool_size, u):
    _check(u, pool_size)


@pytest.mark.parametrize("value", [-1.0, 0.0, 2.0])
@pytest.mark.parametrize("pool_size", [1, 2])
def test_flat_maps_have_one_winner_a_cell_or_none(pool_size, value):
    u = np.full((1, 6, 6, 1), value, "float32")
    pooled, switches = SwitchMaxPool(pool_size)(u)
    assert set(np.unique(switches)) == {0 if value > 0 else -1}
    unpooled = SwitchMaxPool(pool_size).unpool(pooled, switches)
    winners = 36 // pool_size**2 if value > 0 else 0
    assert np.count_nonzero(ops.convert_to_numpy(unpooled)) == winners


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("pool_size", [1, 2])
def test_nan_wins_its_cell(pool_size, place):
    """As in NumPy's maximum; TensorFlow and JAX hid it but in the first place."""
    u = _ties((4, 4))
    row, column = divmod(place, 2)
    u[0, row, column, 0] = np.nan
    pool = SwitchMaxPool(pool_size)
    pooled, switches = compiled(pool)(u)
    expected, expected_switches, _ = _reference(np.nan_to_num(u, nan=9), pool.pool_size)
    expected[expected == 9] = np.nan
    np.testing.assert_array_equal(ops.convert_to_numpy(pooled), expected)
    np.testing.assert_array_equal(ops.convert_to_numpy(switches), expected_switches)
    # Nor does it get lost on the way back; PyTorch places it all over its cell.
    unpooled = ops.convert_to_numpy(compiled(pool.unpool)(pooled, switches))
    cells = unpooled.reshape(2, 4 // pool_size, pool_size, 4 // pool_size, pool_size, 3)
    np.testing.assert_array_equal(np.isnan(cells).any((2, 4)), np.isnan(expected))
    assert np.isnan(unpooled[0, row, column, 0])
    ones = np.ones_like(expected)
    gradient = vector_jacobian(lambda u: pool(u)[0], u, ones)
    unpooled = ops.convert_to_numpy(compiled(pool.unpool)(ones, switches))
    np.testing.assert_array_equal(gradient, unpooled)
    assert gradient[0, row, column, 0] == 1


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("pool_size", [2, (2, 3)])
def test_pooled_equals_stock_layers_and_layouts_agree(pool_size, data_format):
    size = (7, 5)
    u = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    stock = keras.layers.MaxPooling2D(
        pool_size, padding="same", data_format="channels_last"
    )
    expected = stock(keras.ops.relu(u))
    pool = SwitchMaxPool(pool_size, data_format=data_format)
    reference = SwitchMaxPool(pool_size, data_format="channels_last")
    first = data_format == "channels_first"
    pooled, switches = pool(np.moveaxis(u, 3, 1) if first else u)
    results = [pooled, switches, pool.unpool(pooled, switches)]
    wanted = [expected, reference(u)[1], reference.unpool(*reference(u))]
    assert pool.compute_output_shape((2, 3, *size) if first else u.shape)[0] == tuple(
        pooled.shape
    )
    for result, want in zip(results, wanted, strict=True):
        result = ops.convert_to_numpy(result)
        result = np.moveaxis(result, 1, 3) if first else result
        np.testing.assert_array_equal(result, ops.convert_to_numpy(want))


def test_mixed_precision():
    pool = SwitchMaxPool(2, dtype="mixed_bfloat16")
    pooled, switches = pool(_ties((4, 4)))
    unpooled = pool.unpool(pooled, switches)
    for tensor, dtype in [
        (pooled, "bfloat16"),
        (switches, "int8"),
        (unpooled, "bfloat16"),
    ]:
        assert keras.backend.standardize_dtype(tensor.dtype) == dtype


def test_symbolic_use_promises_what_comes():
    image = keras.Input((7, 5, 3))
    model = keras.Model(image, SwitchMaxPool((2, 3))(image))
    results = model(_ties((7, 5)))
    for promised, result in zip(model.outputs, results, strict=True):
        assert promised.shape == (None, *result.shape[1:])
        assert promised.dtype == keras.backend.standardize_dtype(result.dtype)


@pytest.mark.parametrize(
    ("built", "output_shape", "expected"),
    [((7, 5), None, (7, 5)), ((9, 9), None, (8, 6)), (None, (8, 5), (8, 5))],
)
def test_size_that_unpool_goes_back_to(built, output_shape, expected):
    pool = SwitchMaxPool(2)
    if built:
        pool.build((None, *built, 1))
    z = np.ones((1, 4, 3, 1), "float32")
    unpooled = pool.unpool(z, np.zeros(z.shape, "int8"), output_shape)
    assert tuple(unpooled.shape) == (1, *expected, 1)


def test_config_round_trip():
    config = SwitchMaxPool([2, 3], "channels_first").get_config()
    assert SwitchMaxPool.from_config(config).get_config() == config


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *[
            ({"pool_size": v}, "`pool_size` must be")
            for v in (0, 2.0, True, (2,), "22")
        ],
        ({"pool_size": 12}, "over 127 positions"),
        ({"data_format": "NHWC"}, "`data_format` must be"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        SwitchMaxPool(**arguments)


@pytest.mark.parametrize(
    ("z", "switches", "output_shape", "message"),
    [
        ((1, 2, 2, 1), (1, 2, 2, 2), None, "needs a switch for each value"),
        ((1, 2, 2, 1), (2, 2, 1), None, "needs a switch for each value"),
        ((1, 2, 2, 1), (1, 2, 2, 1), (5, 4), "maps size .* give the `output_shape`"),
        ((2, 2, 1), (2, 2, 1), None, "Add the missing axis"),
    ],
)
def test_bad_maps_are_refused(z, switches, output_shape, message):
    with pytest.raises(ValueError, match=message):
        SwitchMaxPool(2).unpool(np.ones(z), np.zeros(switches, "int8"), output_shape)
    with pytest.raises(ValueError, match="Add the missing axis"):
        SwitchMaxPool(2)(np.ones((4, 4, 1), "float32"))


@pytest.mark.parametrize("size", [(4, 6), (5, 5)])
def test_spread_fills_cells_as_upsampling_does(size):
    z = np.random.default_rng(0).normal(size=(2, 3, 3, 2)).astype("float32")
    if size == (4, 6):
        z = z[:, :2]
    pool = SwitchMaxPool(2)
    pool.build((None, *size, 2))
    spread = ops.convert_to_numpy(pool.spread(z, size if size == (5, 5) else None))
    fine = z.repeat(2, axis=1).repeat(2, axis=2)
    # "same" padding adds its odd row and column after.
    np.testing.assert_array_equal(spread, fine[:, : size[0], : size[1]])
