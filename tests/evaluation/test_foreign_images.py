"""Foreign images among unlabelled digits are found, and clean digits left alone."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from keras_drmm.evaluation import foreign_images


def digits(labels_of_each=10, foreign=300, seed=0):
    """Digits, then such of which the four quarters changed places."""
    random = np.random.default_rng(seed)
    x, y = load_digits(return_X_y=True)
    order = random.permutation(len(x))
    x, y = x[order], y[order]
    own, others = 1797 - foreign, x[1797 - foreign :].reshape(-1, 8, 8)
    turned = np.roll(others, (4, 4), axis=(1, 2))[:, ::-1]
    shown = np.full(1797, -1)
    for k in range(10):
        rows = np.flatnonzero(y[:own] == k)[:labels_of_each]
        shown[rows] = k
    return np.concatenate([x[:own].reshape(-1, 8, 8), turned]), shown, own


def test_foreign_images_are_found_and_counted():
    x, labels, own = digits()
    found = foreign_images(x, labels)
    is_own = np.arange(1797) < own
    unlabelled = labels < 0
    area = roc_auc_score(is_own[unlabelled], found["score"][unlabelled])
    assert area > 0.97
    truth = 300 / unlabelled.sum()
    assert found["share"] == pytest.approx(truth, abs=0.1)
    assert found["count"] == round(found["share"] * unlabelled.sum())
    assert found["weight"][~is_own].mean() < 0.2
    assert found["weight"][is_own].mean() > 0.85
    assert (found["weight"][~unlabelled] == 1).all()
    assert found["weight"].min() >= 0
    assert found["weight"].max() == 1


def test_clean_images_stay():
    x, labels, own = digits()
    found = foreign_images(x[:own], labels[:own])
    assert found["share"] < 0.12
    assert found["weight"].mean() > 0.85


def test_the_score_is_that_of_a_walk_by_dense_matrices():
    """Two labels a class and two folds: each hides one label of both classes."""
    random = np.random.default_rng(0)
    x, labels = random.normal(size=(12, 3)), np.array([0, 0, 1, 1] + 8 * [-1])
    found = foreign_images(x, labels, neighbours=3)["score"]
    points = x - x.mean(axis=0)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    cosines = points @ points.T - 2 * np.eye(12)
    graph = np.zeros((12, 12))
    np.put_along_axis(graph, np.argsort(-cosines, axis=1)[:, :3], 1, axis=1)
    graph = np.maximum(graph, graph.T)
    walk = np.linalg.inv(np.eye(12) - 0.99 * graph / graph.sum(axis=1, keepdims=True))
    # Each label is a source in one fold, of weight 1, and the mean is over two.
    np.testing.assert_allclose(found[4:], walk[4:, :4].sum(axis=1) / 2, rtol=2e-3)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 0, 1, 1], "Got 0 unlabelled rows and labels of 2 classes, 2 of"),
        ([0, 0, 1, -1], "Got 1 unlabelled rows and labels of 2 classes, 1 of"),
        ([-1, -1, -1, -1], "labels of 0 classes, 0 of"),
    ],
)
def test_labels_that_tell_nothing(labels, message):
    with pytest.raises(ValueError, match=message):
        foreign_images(np.eye(4), labels)


def test_bad_features():
    with pytest.raises(ValueError, match=r"`features` .* got shape \(4,\)"):
        foreign_images(np.ones(4), [0, 0, -1, -1])
    with pytest.raises(ValueError, match="`features` must be finite, got NaN"):
        foreign_images(np.full((4, 2), np.nan), [0, 0, -1, -1])
