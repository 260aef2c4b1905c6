"""Measures of generated images against SciPy and by hand."""

import numpy as np
import pytest
from scipy import linalg, ndimage
from scipy.spatial.distance import cdist

from recipes.generating import foreign, measures

pytestmark = pytest.mark.once
RANDOM = np.random.default_rng(0)
X = RANDOM.random((30, 8, 8, 1)).astype("float32")


def test_frechet_is_that_of_the_root_of_a_matrix():
    one, other = (
        measures.moments(RANDOM.normal(size=(50, 4)) @ RANDOM.normal(size=(4, 4)))
        for _ in range(2)
    )
    root = linalg.sqrtm(one[1] @ other[1]).real
    wanted = np.sum((one[0] - other[0]) ** 2) + np.trace(one[1] + other[1] - 2 * root)
    assert measures.frechet(one, other) == pytest.approx(wanted, rel=1e-6)
    assert measures.frechet(one, one) == pytest.approx(0, abs=1e-8)


def test_nearest_is_the_least_distance(monkeypatch):
    others = RANDOM.random((20, 8, 8, 1)).astype("float32")
    wanted = cdist(X.reshape(30, -1), others.reshape(20, -1)).min(axis=1).mean()
    assert measures.nearest(X, others) == pytest.approx(wanted, rel=1e-5)


def test_style_of_a_slanted_stroke():
    image = np.zeros((1, 9, 9, 1))
    # A line that goes one column to the left for each row down.
    image[0, np.arange(2, 7), 8 - np.arange(2, 7)] = 1
    slant, ink, x, y = measures.style_features(image)[0]
    assert (slant, ink, x, y) == pytest.approx((-1, 5, 4, 4), abs=1e-6)
    moved = np.roll(image, (1, 2), axis=(1, 2))
    assert measures.style_features(moved)[0] == pytest.approx((-1, 5, 6, 5), abs=1e-6)
    assert measures.style_correlations(X, X) == pytest.approx([1] * 4)


def test_foreign_images_are_the_images_in_another_order():
    found = foreign.foreign_images(X)
    for kind in ("turned", "patches of a quarter", "patches of a half"):
        for image, other in zip(X, found[kind], strict=True):
            np.testing.assert_array_equal(np.sort(image, None), np.sort(other, None))
            assert not np.array_equal(image, other) or "half" in kind
    np.testing.assert_array_equal(found["turned"][0, :, :, 0], np.rot90(X[0, :, :, 0]))
    # A patch stays in one piece.
    halves = found["patches of a half"][0, :4, :4, 0]
    patches = [X[0, i : i + 4, j : j + 4, 0] for i in (0, 4) for j in (0, 4)]
    assert any(np.array_equal(halves, patch) for patch in patches)
    np.testing.assert_array_equal(found["shifted"][:, 6:, 6:], X[:, :2, :2])
    assert not found["shifted"][:, :6].any()


def test_shapes_are_outlines():
    shapes = foreign.draw_shapes(20, 28, np.random.default_rng(1))
    assert (shapes.min(), shapes.max()) == (0, 1)
    # Each is closed, and empty inside.
    for shape in shapes[..., 0] > 0.2:
        assert ndimage.binary_fill_holes(shape).sum() > shape.sum()
