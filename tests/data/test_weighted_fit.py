"""A model learns from weighted batches as from rows that are there as often."""

import keras
import numpy as np
from keras import ops

from keras_drmm import DRMM, EG, Level
from keras_drmm.data import semi_supervised

RNG = np.random.default_rng(0)
X = RNG.random((12, 8, 8, 1)).astype("float32")
Y = np.array([0, 1, 2, 0, 1, 2] + 6 * [-1])


def learn(x, y, sample_weight=None):
    """Weights after a step on all rows, by terms that count rows."""
    keras.utils.set_random_seed(0)
    model = DRMM([Level(4, 3, pool_size=2)], (8, 8, 1), 3)
    algorithm = EG(reconstruction=0, nonnegativity=0, entropy=0.5, marginal_kl=1.0)
    model.compile(keras.optimizers.SGD(0.1), algorithm=algorithm)
    dataset = semi_supervised(x, y, None, sample_weight=sample_weight)
    history = model.fit(dataset, epochs=1, verbose=0, shuffle=False).history
    return [ops.convert_to_numpy(v) for v in model.trainable_variables], history


def test_a_row_of_weight_two_is_two_rows():
    weights = np.ones(12)
    weights[[1, 8]] = 2
    weights[[2, 9]] = 0
    rows = np.repeat(np.arange(12), weights.astype(int))
    weighed, of_weighed = learn(X, Y, weights)
    # Where all rows are in one batch, their share of labelled rows is the data's.
    repeated, of_repeated = learn(X[rows], Y[rows])
    for one, other in zip(weighed, repeated, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    for term in ("cross_entropy", "entropy", "marginal_kl"):
        np.testing.assert_allclose(of_weighed[term], of_repeated[term], rtol=1e-4)
