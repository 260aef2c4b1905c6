import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import kernels
from keras_drmm.kernels import formula
from tests.kernels.differentiate import compiled, vector_jacobian

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


def _run(function, cell, rows, *arrays):
    tensors = map(ops.convert_to_tensor, arrays)
    results = compiled(lambda *tensors: function(*tensors, cell, rows))(*tensors)
    return keras.tree.map_structure(ops.convert_to_numpy, results)


@pytest.mark.parametrize("rows", LAYOUTS)
@pytest.mark.parametrize("cell", CELLS)
def test_switch_pool_and_its_gradient_equal_the_formulas(cell, rows):
    u, _, upstream = _maps(cell, rows)
    for result, expected in zip(
        _run(kernels.switch_pool, cell, rows, u),
        _run(formula.switch_pool, cell, rows, u),
        strict=True,
    ):
        np.testing.assert_array_equal(result, expected)
    # The formula is differentiated by the backend.
    gradient, expected = (
        vector_jacobian(lambda u, f=f: f(u, cell, rows)[0], u, upstream)
        for f in (kernels.switch_pool, formula.switch_pool)
    )
    np.testing.assert_array_equal(gradient, expected)


@pytest.mark.parametrize("rows", LAYOUTS)
@pytest.mark.parametrize("cell", CELLS)
def test_unpool_and_its_gradient_equal_the_formulas(cell, rows):
    x, switches, z = _maps(cell, rows)
    np.testing.assert_array_equal(
        _run(kernels.unpool, cell, rows, z, switches),
        _run(formula.unpool, cell, rows, z, switches),
    )
    switches = ops.convert_to_tensor(switches)
    gradient, expected = (
        vector_jacobian(lambda z, f=f: f(z, switches, cell, rows), z, x)
        for f in (kernels.unpool, formula.unpool)
    )
    np.testing.assert_array_equal(gradient, expected)


@pytest.mark.parametrize("rows", LAYOUTS)
@pytest.mark.parametrize("cell", CELLS)
def test_pick_is_the_transpose_of_unpool(cell, rows):
    _, switches, z = _maps(cell, rows)
    unpooled = _run(formula.unpool, cell, rows, z, switches)
    x = np.random.default_rng(1).normal(size=unpooled.shape).astype("float32")
    for pick in (kernels.pick, formula.pick):
        picked = _run(pick, cell, rows, x, switches)
        np.testing.assert_allclose(
            np.vdot(picked, z), np.vdot(x, unpooled), rtol=1e-5, atol=1e-5
        )
    switches = ops.convert_to_tensor(switches)
    gradient = vector_jacobian(lambda x: kernels.pick(x, switches, cell, rows), x, z)
    np.testing.assert_allclose(gradient, unpooled, atol=1e-6)
