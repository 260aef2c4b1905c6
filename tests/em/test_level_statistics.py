"""The M-step of a level against explicit least squares, correlations against sums."""

import numpy as np
import pytest
import scipy.linalg
from keras import ops

from keras_drmm import Level
from keras_drmm.em.level_statistics import LevelStatistics, correlate

SIZES = (7, 6, 2)


def problem(padding, strides, pool_size, kernel_size=3, filters=3, seed=0):
    """A level, a batch below it, unpooled templates' weights and the residual."""
    rng = np.random.default_rng(seed)
    level = Level(
        filters, kernel_size, strides=strides, padding=padding, pool_size=pool_size
    )
    level.build((None, *SIZES))
    level.alpha.assign(rng.normal(size=level.alpha.shape))
    images = rng.normal(size=(5, *SIZES)).astype("float32")
    message, switches = level.bottom_up(images)
    z = rng.normal(size=message.shape).astype("float32")
    unpooled = level.pool.unpool(z, switches)
    residual = images - ops.convert_to_numpy(level.top_down(z, switches))
    return level, ops.convert_to_numpy(unpooled), residual


def design_matrix(level, unpooled):
    """Each element of Γ rendered alone, and the 1 of α: a column each."""
    columns = []
    kernel = np.zeros(level.conv.kernel.shape, "float32")
    start = ops.convert_to_numpy(level.conv.kernel).copy()
    for place in np.ndindex(*kernel.shape[:2], 1, kernel.shape[3]):
        level.conv.kernel.assign(kernel * 0)
        one = kernel.copy()
        one[place] = 1
        level.conv.kernel.assign(one)
        rendered = ops.convert_to_numpy(level.conv.render(unpooled))
        columns.append(rendered[..., 0].ravel())
    level.conv.kernel.assign(start)
    return np.float64(np.stack([*columns, np.ones_like(columns[0])], axis=1))


def filled(level, unpooled, residual, batches=1):
    statistics = LevelStatistics(level, SIZES, "statistics")
    for u, r in zip(
        np.array_split(unpooled, batches),
        np.array_split(residual, batches),
        strict=True,
    ):
        statistics.update_state(ops.convert_to_tensor(u), ops.convert_to_tensor(r))
    return statistics


@pytest.mark.parametrize("kernel_size", [3, (2, 4)])
@pytest.mark.parametrize("pool_size", [1, 2])
@pytest.mark.parametrize(
    ("padding", "strides"),
    [("valid", 1), ("same", 1), ("full", 1), ("valid", 2), ("same", 2), ("full", 2)],
)
def test_solution_is_that_of_explicit_least_squares(
    padding, strides, pool_size, kernel_size
):
    level, unpooled, residual = problem(padding, strides, pool_size, kernel_size)
    design = design_matrix(level, unpooled)
    target = np.float64(residual).reshape(-1, SIZES[2])
    statistics = filled(level, unpooled, residual)
    gram, _ = statistics._equations()
    scale = np.abs(gram).max()
    np.testing.assert_allclose(gram / scale, design.T @ design / scale, atol=1e-5)
    kernel = ops.convert_to_numpy(level.conv.kernel)
    change, alpha, energy = statistics.solve(kernel, ridge=0.0)
    expected, *_ = scipy.linalg.lstsq(design, target)
    found = np.vstack([change.transpose(0, 1, 3, 2).reshape(-1, SIZES[2]), alpha])
    # What the solution renders: the solution itself may be not unique.
    fitted, best = design @ found, design @ expected
    np.testing.assert_allclose(fitted, best, atol=1e-5 * np.abs(best).max())
    # The minimum is flat: the error that it leaves says more.
    left, least = (np.sum((target - v) ** 2) for v in (fitted, best))
    assert left == pytest.approx(least, rel=1e-5)
    used = np.sum(design[:, :-1] ** 2, axis=0).reshape(-1, level.conv.filters)
    np.testing.assert_allclose(energy, used.sum(axis=0), rtol=1e-4)


def test_ridge_is_that_of_the_penalised_problem():
    """min ||ε - φ ΔΓ||² + λ ||Γ + ΔΓ||², as a longer least-squares problem."""
    level, unpooled, residual = problem("same", 1, 2)
    design = design_matrix(level, unpooled)
    size = design.shape[1] - 1
    statistics = filled(level, unpooled, residual)
    kernel = np.float64(ops.convert_to_numpy(level.conv.kernel))
    change, alpha, _ = statistics.solve(kernel, ridge=0.1)
    penalty = np.sqrt(0.1 * np.trace(design.T @ design) / size)
    flat = kernel.transpose(0, 1, 3, 2).reshape(size, -1)
    rows = np.hstack([penalty * np.eye(size), np.zeros((size, 1))])
    target = np.vstack([np.float64(residual).reshape(-1, 2), -penalty * flat])
    expected, *_ = scipy.linalg.lstsq(np.vstack([design, rows]), target)
    found = np.vstack([change.transpose(0, 1, 3, 2).reshape(size, 2), alpha])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_batches_add_up():
    level, unpooled, residual = problem("full", 1, 2)
    whole = filled(level, unpooled, residual)
    parts = filled(level, unpooled, residual, batches=3)
    for ours, theirs in zip(parts.variables, whole.variables, strict=True):
        a, b = ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


def test_templates_that_never_render_stay():
    level, unpooled, residual = problem("valid", 1, 1)
    unpooled = unpooled * np.array([1, 0, 1], "float32")
    change, alpha, energy = filled(level, unpooled, residual).solve(
        ops.convert_to_numpy(level.conv.kernel), ridge=0.0
    )
    np.testing.assert_allclose(change[..., 1], 0, atol=1e-6)
    assert np.abs(change[..., 0]).max() > 1e-3
    assert energy[1] == pytest.approx(0, abs=1e-4)
    assert np.all(np.isfinite(alpha))


def direct(u, v, down, right):
    result = np.zeros((len(down), len(right), u.shape[3], v.shape[3]))
    for i, j in np.ndindex(len(down), len(right)):
        d, e = down[i], right[j]
        for row, column in np.ndindex(u.shape[1:3]):
            if 0 <= row + d < v.shape[1] and 0 <= column + e < v.shape[2]:
                result[i, j] += u[:, row, column].T @ v[:, row + d, column + e]
    return result


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("sizes", "others", "down", "right"),
    [
        ((6, 5), (6, 5), range(-2, 3), range(-1, 2)),
        ((6, 5), (8, 7), range(3), range(3)),
        ((1, 7), (1, 7), range(1), range(-3, 4)),
        ((1, 1), (1, 1), range(1), range(1)),
    ],
)
def test_correlation_equals_direct_sums(sizes, others, down, right):
    rng = np.random.default_rng(0)
    u = rng.normal(size=(4, *sizes, 3)).astype("float32")
    v = rng.normal(size=(4, *others, 2)).astype("float32")
    found = ops.convert_to_numpy(
        correlate(*map(ops.convert_to_tensor, (u, v)), down, right)
    )
    expected = direct(np.float64(u), np.float64(v), down, right)
    np.testing.assert_allclose(found, expected, atol=1e-4)
