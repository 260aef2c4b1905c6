"""A `fit` that several replicas would not take as one does ends before it begins."""

import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, EG, Level
from keras_drmm.baselines import PseudoLabel
from keras_drmm.layers import replicas
from keras_drmm.models import replica_checks

X = np.random.default_rng(0).random((14, 6, 6, 1), "float32")
Y = np.arange(14) % 3


@pytest.fixture
def two_replicas(monkeypatch, backend):
    if backend == "tensorflow":
        pytest.skip("the strategy itself has the number, see tests/recipes")
    monkeypatch.setattr(replicas, "count_for", lambda model: 2)
    # The other process is like this one.
    monkeypatch.setattr(replicas, "of_processes", lambda _, v: np.stack([v, v]))


def drmm():
    model = DRMM([Level(2, 3)], (6, 6, 1), 3)
    model.compile("sgd", algorithm=EG())
    return model


def test_rows_that_cannot_be_shared(two_replicas):
    with pytest.raises(ValueError, match="5 rows, which 2 replicas cannot share"):
        drmm().fit(X, Y, batch_size=5, verbose=0)
    # The batches would do, but the last one has one row.
    with pytest.raises(ValueError, match="1 rows, which 2 replicas cannot share"):
        drmm().fit(X[:13], Y[:13], batch_size=4, verbose=0)


def test_a_baseline(two_replicas):
    model = PseudoLabel(drmm().to_convnet())
    model.compile("sgd")
    with pytest.raises(ValueError, match="learns on one device, got 2 replicas"):
        model.fit(X, Y, batch_size=4, verbose=0)


def test_processes_that_begin_differently(two_replicas, monkeypatch):
    def of_processes(model, values):
        return np.stack([values, values + (np.arange(len(values)) == 0)])

    monkeypatch.setattr(replicas, "of_processes", of_processes)
    model = drmm()
    before = [ops.convert_to_numpy(v) for v in model.weights]
    with pytest.raises(ValueError, match="begin with different weights: call"):
        model.fit(X, Y, batch_size=14, verbose=0)
    for variable, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), value)


def test_one_replica_is_checked_for_nothing(monkeypatch):
    monkeypatch.setattr(replica_checks, "_check_equal_start", None)
    drmm().fit(X[:13], Y[:13], batch_size=4, verbose=0)
