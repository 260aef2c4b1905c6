"""The evolutionary models of the zoo: their sizes, and that they learn digits."""

import numpy as np
import pytest

from keras_drmm import data
from keras_drmm.zoo.evolutionary_forest import evolutionary_forest
from keras_drmm.zoo.evolutionary_tree import evolutionary_tree


@pytest.mark.smoke
def test_sizes():
    tree = evolutionary_tree((6, 5, 3), 4)
    assert tree.num_leaves == 4096
    nodes = 1 + 8 + 64 + 512 + 4096
    assert tree.templates.shape == (nodes, 90)
    assert tree.predict(np.zeros((2, 6, 5, 3)), verbose=0).shape == (2, 4)
    forest = evolutionary_forest((6, 5, 3), 4, num_trees=2, depth=1)
    assert [model.num_leaves for model in forest.trees] == [8, 8]
    assert forest.num_classes == 4


def test_trees_and_forests_learn_digits():
    """The nearest class mean of the same 1,536 digits is the classifier to beat."""
    (x, y), _ = data.load("mnist")
    # Half the resolution is seconds faster.
    x = data.to_unit_range(x[:2000]).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    x, y = x[..., None], y[:2000].astype("int32")
    images, labels = x[1536:], y[1536:]
    means = np.stack([x[:1536][y[:1536] == c].mean(axis=0) for c in range(10)])
    distances = np.square(images[:, None] - means).sum(axis=(2, 3, 4))
    nearest_mean = np.mean(distances.argmin(1) != labels)

    def error(model):
        return np.mean(model.infer(images).classes != labels)

    tree = evolutionary_tree((14, 14, 1), depth=3)
    forest = evolutionary_forest((14, 14, 1), num_trees=4, depth=3)
    for model in (tree, forest):
        model.fit(x[:1536], y[:1536], verbose=0, seed=0)
        rendered = model.reconstruct(images, batch_size=464)
        # Nearer to images never seen than the best of the ten class means.
        assert np.mean((rendered - images) ** 2) < distances.min(axis=1).mean() / 196
    assert error(tree) < 0.25
    assert error(forest) < np.mean([error(bagged) for bagged in forest.trees])
    assert error(forest) < nearest_mean
