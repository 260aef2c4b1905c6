"""The picture shows what the model renders."""

import numpy as np
import pytest

from keras_drmm import DRMM, Level
from keras_drmm.analysis import plot_reconstructions

X = np.random.default_rng(0).random((6, 8, 8, 1)).astype("float32")


def build():
    return DRMM([Level(4, 3, pool_size=2)], (8, 8, 1), 3)


def test_rows_show_images_and_reconstructions(tmp_path):
    """α alone decides the renderings here: white reconstructions, grey images."""
    image = pytest.importorskip("matplotlib.image")
    model = build()
    model.templates.templates.assign(np.zeros((4, 3)))
    model.levels[0].alpha.assign(np.ones((1, 1, 1)))
    path = tmp_path / "picture.png"
    plot_reconstructions(model, X * 0, np.array([0, 1, 2, 0, 1, 2]), path)
    picture = image.imread(path)[..., :3].mean(axis=2)
    # The right half is free of labels: rows 2 to 4 are white, row 1 is black.
    right = picture[:, picture.shape[1] // 2 :]
    quarter = len(right) // 4
    dark = [np.mean(right[i * quarter : (i + 1) * quarter] < 0.1) for i in range(4)]
    assert dark[0] > 0.5
    assert max(dark[1:]) < 0.2


def test_each_class_needs_an_image(tmp_path):
    with pytest.raises(ValueError, match=r"once, got fewer of the classes \[2\]"):
        plot_reconstructions(build(), X, np.array([0, 1, 0, 1, 0, 1]), tmp_path / "p")
