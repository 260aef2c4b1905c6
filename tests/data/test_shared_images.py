"""Planted copies are found, and different digits are not taken for copies."""

import numpy as np
import pytest

from keras_drmm.data import load, shared_images

pytestmark = pytest.mark.once

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def images():
    (x, _), _ = load("mnist")
    return x[:700]


def test_planted_copies_are_found_and_no_others(images):
    train, test = images[:500], images[500:].copy()
    test[3] = train[77]
    # Darker, with noise.
    noisy = 0.8 * train[401] + RNG.normal(0, 3, (28, 28))
    test[50] = np.clip(noisy, 0, 255).round().astype("uint8")
    found = shared_images(test, train)
    assert found["row"].tolist() == [3, 50]
    assert found["other"].tolist() == [77, 401]
    assert found["exact"].tolist() == [True, False]
    assert found["correlation"][0] == 1
    expected = np.corrcoef(test[50].ravel(), train[401].ravel())[0, 1]
    assert found["correlation"][1] == pytest.approx(expected, abs=1e-5)


def test_floats_are_the_same_images(images):
    found = shared_images(images[:2, ..., None] / np.float32(255), images[:5])
    assert found["other"].tolist() == [0, 1]
    assert found["exact"].all()


def test_a_lower_correlation_finds_what_enumeration_finds(images):
    train, test = images[:500], images[500:]
    every = np.corrcoef(test.reshape(200, -1), train.reshape(500, -1))[:200, 200:]
    found = shared_images(test, train, correlation=0.9)
    # Images are looked for in small, which may miss some.
    assert set(found["row"]) <= set(np.flatnonzero(every.max(axis=1) >= 0.9))
    assert len(found["row"]) >= 0.8 * (every.max(axis=1) >= 0.9).sum() > 5


def test_images_of_one_colour_are_compared_exactly():
    x = np.zeros((2, 8, 8), "uint8") + np.array([10, 20], "uint8")[:, None, None]
    assert shared_images(x, x[1:])["row"].tolist() == [1]


def test_bad_arguments(images):
    with pytest.raises(
        ValueError, match=r"`others` .* \(27, 28, 1\) and \(28, 28, 1\)"
    ):
        shared_images(images, images[:, 1:])
    with pytest.raises(ValueError, match=r"`correlation` .* got 2"):
        shared_images(images, images, correlation=2)
