"""The command's measures, counted by hand, and its models."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_drmm.trees.evolutionary_drmm import EvolutionaryDRMM
from recipes import evolutionary_mnist as recipe


@pytest.mark.smoke
def test_sizes_are_those_with_a_probability():
    """A root, 3 children of which 2 are used, 4 leaves."""
    model = EvolutionaryDRMM(num_classes=3, input_shape=(2, 2, 1), depth=2, branching=3)
    shares = np.full(13, 1 / 3)
    shares[1:4] = [0.5, 0, 0.5]
    shares[4:7] = [0.2, 0.8, 0]
    shares[10:13] = [0.5, 0, 0.5]
    log_shares = np.log(np.where(shares > 0, shares, 1))
    model.log_prior.assign(np.where(shares > 0, log_shares, -1e30))
    assert recipe.sizes(model) == (7, 4)
    assert recipe.sizes(SimpleNamespace(infer=None, trees=[model, model])) == (14, 8)


@pytest.mark.smoke
def test_error_is_the_share_of_wrong_classes():
    """Of logits and, from scikit-learn, of classes."""
    labels = np.array([0, 1, 2, 1])
    logits = np.eye(3)[[0, 1, 1, 2]]
    ours = SimpleNamespace(infer=None, predict=lambda x, **_: logits)
    theirs = SimpleNamespace(predict=lambda x: logits.argmax(axis=1))
    for model in (ours, theirs):
        assert recipe.measure(model, np.zeros((4, 2, 2, 1)), labels)[0] == 50


def test_scikit_learn_sees_labelled_rows_alone():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    images = rng.random((60, 28, 28, 1)).astype("float32")
    labels = np.where(np.arange(60) < 20, np.arange(60) % 10, -1)
    options = SimpleNamespace(labels=20, seed=0, trees=2)
    listed = recipe.models(options)
    assert [setting for setting, _, _ in listed[::3]] == [
        "semi-supervised",
        "labeled-only, max_depth=12",
        "labeled-only, max_depth=None",
    ]
    tree = listed[3][2]
    assert recipe.train(tree, images, labels) > 0
    assert tree.tree_.n_node_samples[0] == 20
    assert recipe.measure(tree, images[:20], labels[:20])[0] == 0
    assert recipe.sizes(tree) == (tree.tree_.node_count, tree.get_n_leaves())
