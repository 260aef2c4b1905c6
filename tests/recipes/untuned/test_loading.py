"""The data sets by name: what is held out, and how CIFAR-10 becomes grey."""

import numpy as np
import pytest
from PIL import Image

from recipes.untuned import loading


def test_drawn_images_are_split_and_the_same_at_each_call(monkeypatch):
    monkeypatch.setattr(loading, "TRAINING", 30)
    monkeypatch.setattr(loading, "TEST", 20)
    pytest.importorskip("matplotlib")
    for name in loading.DRAWN:
        (x, y), (x_test, y_test) = loading.load(name)
        assert (len(x), len(y), len(x_test), len(y_test)) == (30, 30, 20, 20)
        # None is in both.
        rows = np.concatenate([x, x_test]).reshape(50, -1)
        assert len(np.unique(rows, axis=0)) == 50
        np.testing.assert_array_equal(loading.load(name)[1][0], x_test)


def test_cifar_is_as_grey_as_pillow_makes_it(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "TRAINING", 5)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (8, 32, 32, 3), "uint8")
    labels = np.arange(8).reshape(-1, 1)
    parts = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    np.savez(tmp_path / "cifar10.npz", **parts)
    (x, y), (x_test, y_test) = loading.load("cifar10_grey", tmp_path)
    assert (y.tolist(), y_test.tolist()) == ([0, 1, 2, 3, 4], list(range(8)))
    expected = np.stack([np.asarray(Image.fromarray(v).convert("L")) for v in images])
    assert x_test.dtype == np.uint8
    # Pillow rounds otherwise.
    assert np.abs(x_test.astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(x, x_test[:5])
