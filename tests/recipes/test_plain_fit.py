"""The data and options of the plain run."""

import numpy as np
from sklearn.datasets import load_digits

from recipes import plain_fit


def test_a_third_of_the_digits_is_held_out_and_none_is_in_both():
    (x, y), (x_test, y_test) = plain_fit.load("digits", draw=0)
    assert x.shape == (1198, 16, 16, 1)
    assert len(x_test) == 599
    # Every other pixel gives back the originals, each once.
    small = np.concatenate([x, x_test])[:, ::2, ::2, 0] * 16
    found, expected = (
        np.unique(v.reshape(1797, -1), axis=0) for v in (small, load_digits().images)
    )
    np.testing.assert_array_equal(found, expected)
    assert np.bincount(np.concatenate([y, y_test])).tolist() == (
        np.bincount(load_digits().target).tolist()
    )
    other = plain_fit.load("digits", draw=1)[1]
    assert np.any(other[1] != y_test)


def test_options():
    options = plain_fit.parse([])
    assert (options.data, options.epochs) == ("mnist", 5)
    options = plain_fit.parse(["--short"])
    assert (options.data, options.epochs) == ("digits", 2)
