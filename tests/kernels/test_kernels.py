import numpy as np
import pytest
from keras import ops

from keras_drmm import kernels
from keras_drmm.kernels import formula
from tests.kernels.differentiate import vector_jacobian

CELLS = [(1, 1), (2, 2), (3, 2)]
LAYOUTS = [1, 2]


def _maps(cell, rows, seed=0):
    """A fine map with many ties, switches, and values of the coarse map's shape."""
    rng = np.random.default_rng(seed)
    coarse = [2, 3, 4, 3] if rows == 1 else [2, 3, 3, 4]
    fine = list(coarse)
    fine[rows], fine[rows + 1] = coarse[rows] * cell[0], coarse[rows + 1] * cell[1]
    u = rng.integers(-2, 3, fine).astype("float32")
    switches = rng.integers(-1, cell[0] * cell[1], coarse).astype("int8")
    return u, switches, rng.normal(size=coarse).astype("float32")


@pytest.mark.parametrize("rows", LAYOUTS)
@pytest.mark.parametrize("cell", CELLS)
def test_switch_pool_and_its_gradient_equal_the_formulas(cell, rows):
    u, _, upstream = _maps(cell, rows)
    pooled, switches = kernels.switch_pool(ops.convert_to_tensor(u), cell, rows)
    expected, expected_switches = formula.switch_pool(
        ops.convert_to_tensor(u), cell, rows
    )
    np.testing.assert_array_equal(pooled, expected)
    np.testing.assert_array_equal(switches, expected_switches)
    gradient = vector_jacobian(
        lambda u: kernels.switch_pool(u, cell, rows)[0], u, upstream
    )
    np.testing.assert_array_equal(
        gradient,
        formula.unpool(ops.convert_to_tensor(upstream), switches, cell, rows),
    )


@pytest.mark.parametrize("rows", LAYOUTS)
@pytest.mark.parametrize("cell", CELLS)
def test_unpool_and_its_gradient_equal_the_formulas(cell, rows):
    x, switches, z = _maps(cell, rows)
    switches = ops.convert_to_tensor(switches)
    np.testing.assert_array_equal(
        kernels.unpool(ops.convert_to_tensor(z), switches, cell, rows),
        formula.unpool(ops.convert_to_tensor(z), switches, cell, rows),
    )
    np.testing.assert_array_equal(
        vector_jacobian(lambda z: kernels.unpool(z, switches, cell, rows), z, x),
        formula.pick(ops.convert_to_tensor(x), switches, cell, rows),
    )


@pytest.mark.parametrize("rows", LAYOUTS)
@pytest.mark.parametrize("cell", CELLS)
def test_pick_is_the_transpose_of_unpool(cell, rows):
    _, switches, z = _maps(cell, rows)
    switches = ops.convert_to_tensor(switches)
    unpooled = formula.unpool(ops.convert_to_tensor(z), switches, cell, rows)
    x = np.random.default_rng(1).normal(size=tuple(unpooled.shape)).astype("float32")
    picked = formula.pick(ops.convert_to_tensor(x), switches, cell, rows)
    np.testing.assert_allclose(
        np.vdot(picked, z), np.vdot(x, unpooled), rtol=1e-5, atol=1e-5
    )
