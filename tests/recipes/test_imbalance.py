"""The images of the recipe on imbalance, and that each way learns what it says."""

import numpy as np
import pytest

from keras_drmm import data
from recipes import imbalance

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def mnist():
    return data.load("mnist")[0]


@pytest.mark.parametrize(
    ("frequent", "counts"), [(0.9, [4500, 500]), (0.5, [2500] * 2)]
)
def test_shares_and_labels(mnist, frequent, counts):
    x, y = mnist
    images, labels = imbalance.choose(mnist, frequent, seed=0)
    assert np.bincount(labels + 1).tolist() == [4980, 10, 10]
    # Which digit an image is of, found among all of MNIST.
    digits = {image.tobytes(): label for image, label in zip(x, y, strict=True)}
    found = np.array([digits[image.tobytes()] for image in images])
    assert [int((found == digit).sum()) for digit in imbalance.DIGITS] == counts
    for number, digit in enumerate(imbalance.DIGITS):
        assert (found[labels == number] == digit).all()
    # In random order.
    assert 0.85 * frequent < (found[:2500] == imbalance.DIGITS[0]).mean() < 1


def test_each_way_learns_as_it_says(mnist, monkeypatch):
    images, labels = imbalance.choose(mnist, 0.9, seed=0)
    few = np.argsort(labels < 0, kind="stable")[:400]
    dataset = data.semi_supervised(images[few], labels[few], None)
    seen = {}

    def fit(self, given, epochs, verbose):
        weights = self.algorithm.weights
        shown = [given[i][1] for i in range(len(given))]
        seen["weights"], seen["labels"] = set(weights), np.concatenate(shown)
        seen["steps"] = epochs * len(given)
        seen["rows"] = given.unlabelled_indices

    monkeypatch.setattr("keras_drmm.models.learner.Learner.fit", fit)
    guesses = (np.arange(400) < 380).astype(int)
    for method in ("labels alone", "zoo", "no pull", "rebalanced"):
        imbalance.learn(method, dataset, guesses, epochs=3)
        assert ("marginal_kl" in seen["weights"]) == (method == "zoo")
        assert ("entropy" in seen["weights"]) == (method != "labels alone")
        assert (seen["labels"] >= 0).all() == (method == "labels alone")
        assert seen["steps"] == 3 * len(dataset)
    rare = np.bincount(guesses[seen["rows"]])
    assert abs(rare[0] - rare[1]) <= 1


def test_errors_are_of_each_digit():
    class Model:
        def predict(self, images, **_):
            # Class 1 where the first pixel is bright.
            return np.stack([0.5 - images[:, 0, 0, 0], images[:, 0, 0, 0] - 0.5], -1)

    images = np.zeros((6, 2, 2), "uint8")
    images[[0, 4]] = 255
    labels = np.array([4, 4, 4, 9, 9, 1])
    assert imbalance.errors(Model(), images, labels) == pytest.approx([100 / 3, 50])


def test_options():
    assert imbalance.parse([]).epochs == 12
    assert imbalance.parse(["--short", "--frequent", "0.99"]).epochs == 1
    with pytest.raises(SystemExit):
        imbalance.parse(["--frequent", "0.4"])
