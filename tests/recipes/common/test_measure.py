"""MNIST for models that learn from arrays: its parts share no image."""

import numpy as np
import pytest

from keras_drmm import data
from recipes.common import measure

pytestmark = pytest.mark.smoke
X = np.random.default_rng(0).integers(0, 256, (9000, 4, 4), "uint8")
Y = np.arange(9000) % 10


@pytest.mark.parametrize(
    ("labels", "short", "learned", "labelled"),
    [(100, False, 4000, 100), (None, False, 4000, 4000), (30, True, 2000, 30)],
)
def test_parts_are_disjoint_and_show_their_labels(
    labels, short, learned, labelled, monkeypatch
):
    monkeypatch.setattr(data, "load", lambda name: ((X, Y), (X[:7], Y[:7])))
    training, validation, test = measure.load_mnist(labels, draw=3, short=short)
    (images, shown), (held_out, true) = training, validation
    assert (len(images), len(held_out)) == (learned, 5000)
    assert (shown >= 0).sum() == labelled
    rows = {v.tobytes(): i for i, v in enumerate(data.to_unit_range(X))}
    found = [[rows[v.tobytes()] for v in part] for part in (images, held_out)]
    assert len(set(found[0] + found[1])) == learned + 5000
    assert max(found[0] + found[1]) < learned + 5000
    np.testing.assert_array_equal(shown[shown >= 0], Y[found[0]][shown >= 0])
    np.testing.assert_array_equal(true, Y[found[1]])
    np.testing.assert_array_equal(test[0], data.to_unit_range(X[:7]))
    np.testing.assert_array_equal(test[1], Y[:7])
