"""All methods see the same labels of the digits, and their errors are counted."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.semi_supervised import LabelSpreading

from keras_drmm import wrappers
from recipes import digits


@pytest.mark.parametrize("images", [600, 1400])
def test_digits_that_are_held_out_are_the_same_and_are_not_learned(images):
    (x, y), (x_test, y_test) = digits.load(images, draw=0)
    assert (len(x), len(x_test)) == (images, 397)
    seen = {image.tobytes() for image in x}
    assert not any(image.tobytes() in seen for image in x_test)
    other = digits.load(1400, draw=0)[1]
    np.testing.assert_array_equal(other[0], x_test)
    assert np.any(digits.load(images, draw=1)[1][1] != y_test)
    # As many of each digit as among all of them.
    shares = np.bincount(load_digits().target) / 1797
    np.testing.assert_allclose(np.bincount(y) / images, shares, atol=0.005)


SEEN: list = []


class First:
    """A classifier that names the first class, and says what it was given."""

    def __init__(self, epochs=None, random_state=None):
        self.epochs, self.random_state = epochs, random_state
        self.history_ = {"loss": [0.0] * (epochs or 167)}

    def fit(self, X, y):
        SEEN.append((len(X), y, self.epochs, self.random_state))

    def predict(self, X):
        return np.zeros(len(X), int)


def test_rows_are_of_all_methods_on_the_same_labels(monkeypatch):
    found: list = []
    SEEN.clear()
    monkeypatch.setattr(wrappers, "DRMMClassifier", First)
    monkeypatch.setattr(digits.results, "record", lambda *given: found.append(given))
    monkeypatch.setattr(digits, "choose_backend", lambda name: None)
    monkeypatch.setattr(digits.results, "origin", lambda backend: {})
    digits.main(["--draw", "3", "--seed", "4"])
    assert [kept for *_, kept in found] == [True] * 3
    rows = {row["model"]: row for _, row, _ in found}
    ((count, shown, epochs, seed),) = SEEN
    # Its own default, no number of the recipe's.
    assert (count, epochs, seed) == (600, None, 4)
    assert np.bincount(shown[shown >= 0]).tolist() == [10] * 10
    (x, y), (x_test, y_test) = digits.load(600, 3)
    assert (y[shown >= 0] == shown[shown >= 0]).all()
    assert rows["drmm_classifier"]["test_error"] == pytest.approx(
        100 * np.mean(y_test != 0), abs=0.01
    )
    assert rows["drmm_classifier"]["epochs"] == 167
    spreading = LabelSpreading(kernel="knn").fit(x.reshape(600, -1), shown)
    error = 100 * np.mean(spreading.predict(x_test.reshape(397, -1)) != y_test)
    assert rows["label_spreading"]["test_error"] == pytest.approx(error, abs=0.01)
    assert {row["labels"] for row in rows.values()} == {100}
    digits.main(["--short"])
    assert [kept for *_, kept in found[3:]] == [False] * 3
    assert SEEN[1][2] == 1
