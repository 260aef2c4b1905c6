"""Soft switches against the enumeration of all switches they stand for."""

import itertools

import numpy as np
import pytest
from keras import ops

from keras_drmm import HardEM, Level, SoftEM
from keras_drmm.em.level_statistics import LevelStatistics
from keras_drmm.em.switching import HardSwitching, SoftSwitching
from tests.em.test_level_statistics import design_matrix

# Few enough cells to enumerate; "full" and strides leave cells that are cut off.
CASES = [
    ("valid", 1, (3, 3, 2), 2),
    ("full", 1, (2, 2, 1), 1),
    ("same", 1, (3, 2, 1), 1),
    ("full", 2, (3, 3, 1), 1),
]


def problem(padding, strides, sizes, filters, temperature=0.7):
    rng = np.random.default_rng(1)
    level = Level(filters, 2, strides=strides, padding=padding, pool_size=2)
    level.build((None, *sizes))
    level.conv.kernel.assign(rng.normal(size=level.conv.kernel.shape))
    images = rng.normal(size=(2, *sizes)).astype("float32")
    switching = SoftSwitching(SoftEM(temperature).posterior)
    message, shares = switching.bottom_up(level, ops.convert_to_tensor(images))
    z = rng.normal(size=message.shape).astype("float32")
    return level, images, switching, array(message), array(shares), z


def array(x):
    """A tensor as an array; PyTorch's have gradients."""
    return ops.convert_to_numpy(x)


def tensors(*arrays):
    return map(ops.convert_to_tensor, arrays)


def configurations(shares):
    """All switches of one image, with their probabilities."""
    states = shares.shape[-1]
    flat = shares.reshape(-1, states)
    for switches in itertools.product(range(states), repeat=len(flat)):
        probability = np.prod(flat[np.arange(len(flat)), switches])
        if probability > 0:
            yield np.int8(switches).reshape(shares.shape[:-1]) - 1, probability


@pytest.mark.parametrize("case", CASES)
def test_shares_are_the_posterior_of_each_cell(case):
    level, images, _, message, shares, _ = problem(*case)
    u = array(level.conv(images))
    np.testing.assert_allclose(shares.sum(axis=-1), 1, rtol=1e-5)
    before = [b for b, _ in level.pool.windows.paddings(u.shape[1:3])]
    expected = np.zeros(message.shape)
    for n, i, j, c in np.ndindex(*message.shape):
        scores, values = [0.0], [0.0]
        for index in range(4):
            row, column = 2 * i + index // 2 - before[0], 2 * j + index % 2 - before[1]
            inside = 0 <= row < u.shape[1] and 0 <= column < u.shape[2]
            values.append(u[n, row, column, c] if inside else 0.0)
            scores.append(values[-1] / 0.7 if inside else -np.inf)
        q = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(shares[n, i, j, c], q, atol=1e-5)
        expected[n, i, j, c] = q @ values
    np.testing.assert_allclose(message, expected, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_moments_are_those_of_all_switches(case):
    """Expected image, its variance and E φ φᵀ, by enumeration."""
    level, images, switching, _, shares, z = problem(*case)
    sizes = images.shape[1:]
    soft = list(tensors(z, shares))
    unpooled = switching.unpool(level, *soft)
    mean = array(level.conv.render(unpooled))
    variance = array(switching.variance(level, *soft, sizes[:2]))
    gram = 0
    for n in range(len(images)):
        switches, p = map(np.stack, zip(*configurations(shares[n]), strict=True))
        # All configurations at once: (configurations, H', W', filters)
        placed = level.pool.unpool(np.repeat(z[n : n + 1], len(p), axis=0), switches)
        rendered = np.float64(array(level.conv.render(placed)))
        image = np.tensordot(p, rendered, axes=1)
        square = p @ np.square(rendered).sum(axis=(1, 2, 3))
        for one, probability in zip(array(placed), p, strict=True):
            design = design_matrix(level, one[None])
            gram = gram + probability * design.T @ design
        np.testing.assert_allclose(mean[n], image, atol=1e-5)
        assert variance[n] == pytest.approx(square - np.sum(image**2), rel=1e-4)
    statistics = LevelStatistics(level, sizes, "statistics", soft=True)
    residual = ops.convert_to_tensor(images - mean)
    statistics.update_state(unpooled, residual, switching.covariance(*soft))
    found, _ = statistics._equations()
    np.testing.assert_allclose(found, gram, atol=1e-4 * np.abs(gram).max())


def test_adjoint_is_the_transpose_of_rendering():
    level, images, switching, _, shares, z = problem(*CASES[1])
    x, weights, q = tensors(images, z, shares)
    rendered = level.conv.render(switching.unpool(level, weights, q))
    matched = switching.adjoint(level, x, q)
    left = np.sum(array(rendered) * images)
    assert left == pytest.approx(np.sum(array(matched) * z), rel=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_hard_shares_are_the_layers_switches(case):
    level, images, _, _, _, z = problem(*case)
    soft, hard = SoftSwitching(HardEM().posterior), HardSwitching()
    x, weights = tensors(images, z)
    message, shares = soft.bottom_up(level, x)
    expected, switches = level.bottom_up(x)
    np.testing.assert_allclose(array(message), array(expected), atol=1e-6)
    np.testing.assert_array_equal(
        np.argmax(array(shares), axis=-1) - 1, array(switches)
    )
    for found, wanted in (
        (soft.unpool(level, weights, shares), hard.unpool(level, weights, switches)),
        (soft.adjoint(level, x, shares), hard.adjoint(level, x, switches)),
    ):
        np.testing.assert_allclose(array(found), array(wanted), atol=1e-5)
    variance = array(soft.variance(level, weights, shares, images.shape[1:3]))
    np.testing.assert_allclose(variance, 0, atol=1e-5)
