"""The shares of classes, against another maximisation and known truths."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from keras_drmm.evaluation import class_shares

RNG = np.random.default_rng(0)


def simulated(shares, prior, rows=20_000):
    """Posteriors of a classifier that expects `prior`, of images of `shares`.

    An image of class k is a number from N(2 k, 1), so the posterior is exact.
    """
    x = RNG.normal(2 * RNG.choice(len(shares), rows, p=shares))
    densities = norm.pdf(x[:, None], 2 * np.arange(len(shares))) * prior
    return densities / densities.sum(axis=1, keepdims=True)


def test_known_shares_are_found():
    shares, counts = np.array([0.7, 0.25, 0.05]), np.array([50, 30, 20])
    p = simulated(shares, counts / 100)
    found = class_shares(p, counts)
    np.testing.assert_allclose(found["shares"], shares, atol=0.015)
    # The mean posterior alone is further off.
    assert np.abs(p.mean(axis=0) - shares).max() > 0.05
    np.testing.assert_allclose(found["label_shares"], counts / 100)
    assert found["differ"]
    assert found["p_value"] < 1e-4


def test_they_are_the_most_likely_ones():
    p, counts = softmax(2 * RNG.normal(size=(300, 4)), axis=1), np.array([9, 5, 2, 4])
    ratios = p / (counts / counts.sum())

    def cost(z):
        return -np.log(ratios @ softmax(z)).mean()

    best = softmax(minimize(cost, np.zeros(4), tol=1e-12).x)
    np.testing.assert_allclose(class_shares(p, counts)["shares"], best, atol=2e-4)


def test_labels_that_are_drawn_as_the_images_do_not_differ():
    shares, refused = np.array([0.6, 0.3, 0.1]), 0
    for _ in range(100):
        counts = RNG.multinomial(100, shares)
        found = class_shares(simulated(shares, counts / 100, rows=1000), counts)
        refused += found["differ"]
    # The level is 1 %.
    assert refused <= 4


def test_a_class_without_labels_has_no_share():
    found = class_shares([[0.5, 0.5, 0.0], [0.0, 0.2, 0.8]], [4, 4, 0])
    assert found["shares"][2] == 0
    assert found["shares"].sum() == pytest.approx(1)


@pytest.mark.parametrize("other", [1, 7])
def test_real_images_of_nine_to_one(other):
    """As many labels of two digits, but nine times as many images of one."""
    x, y = load_digits(return_X_y=True)
    # Digits of one writer are side by side.
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order], y[order]
    many, few = np.flatnonzero(y == 8), np.flatnonzero(y == other)
    labelled = np.concatenate([many[:20], few[:20]])
    images = np.concatenate([many[20:146], few[20:34]])
    model = LogisticRegression(C=0.1).fit(x[labelled], y[labelled] == other)
    found = class_shares(model.predict_proba(x[images]), [20, 20])
    np.testing.assert_allclose(found["shares"], [0.9, 0.1], atol=0.1)
    assert found["differ"]
    balanced = np.concatenate([many[20:80], few[20:80]])
    found = class_shares(model.predict_proba(x[balanced]), [20, 20])
    np.testing.assert_allclose(found["shares"], [0.5, 0.5], atol=0.1)
    assert not found["differ"]


@pytest.mark.parametrize("bad", [[1, 2, 3], [0, 0], [-1, 2], [0.5, 0.5]])
def test_bad_counts(bad):
    with pytest.raises(ValueError, match=r"`counts` must be .* got \["):
        class_shares([[0.5, 0.5]], bad)
