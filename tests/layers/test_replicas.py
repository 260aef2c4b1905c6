"""What a replica does with its rows, with the other replicas made up."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm.layers import replicas

pytestmark = pytest.mark.smoke
REPLICAS, BATCH = 3, 8


@pytest.fixture(params=range(REPLICAS))
def replica(request, monkeypatch):
    """The number of a replica out of 3, which share a batch of 8 rows."""
    monkeypatch.setattr(replicas, "count", lambda: REPLICAS)
    monkeypatch.setattr(replicas, "index", lambda: request.param)
    monkeypatch.setattr(replicas, "_batch_rows", lambda rows: BATCH)
    return request.param


def test_first_rows_are_those_of_the_batch(replica):
    """Of each divisor, the replica's rows among the first ceil(B / n) ones."""
    rows = np.arange(replica, BATCH, REPLICAS)
    for divisor in range(1, BATCH + 2):
        first = np.arange(-(-BATCH // divisor))
        expected = len(np.intersect1d(rows, first))
        assert replicas.first_rows(len(rows), divisor) == expected


def test_noise_is_that_of_the_whole_batch(replica):
    images = np.random.default_rng(0).random((BATCH, 2, 3, 1), "float32")
    layer = keras.layers.GaussianNoise(0.5, seed=3)

    def noise(x):
        return layer(ops.convert_to_tensor(x), training=True)

    own = ops.convert_to_numpy(replicas.by_row(noise, images[replica::REPLICAS]))
    # The same seed, and so the same draws.
    layer = keras.layers.GaussianNoise(0.5, seed=3)
    whole = ops.convert_to_numpy(noise(images))
    np.testing.assert_array_equal(own, whole[replica::REPLICAS])


def test_several_sums_travel_in_one_message(replica, monkeypatch):
    """Each replica gives the same here, so a sum is three times as much."""
    messages = []

    def three_times(x):
        messages.append(tuple(x.shape))
        return 3 * x

    monkeypatch.setattr(replicas, "_sum", three_times)
    random = np.random.default_rng(0)
    given = [random.random(shape, "float32") for shape in ((), (4,), (2, 1, 3))]
    if keras.config.backend() != "jax":
        # It has no double precision here. In single, this is 1.
        given[1] = np.full(4, 1 + 1e-12)
    found = replicas.totals([ops.convert_to_tensor(x) for x in given])
    assert messages == [(1 + 4 + 6,)]
    for result, x in zip(found, given, strict=True):
        result = ops.convert_to_numpy(result)
        assert result.shape == x.shape
        np.testing.assert_allclose(result, 3 * x, rtol=1e-14)


def test_rows_of_metrics_keep_shape_and_type(replica, monkeypatch):
    monkeypatch.setattr(replicas, "_BACKEND", "torch")
    monkeypatch.setattr(replicas, "join", lambda x: ops.concatenate([x, 2 * x]))
    labels, maps = np.array([3, 250]), np.arange(12.0, dtype="float32").reshape(2, 3, 2)
    found = replicas.metric_rows([ops.convert_to_tensor(v) for v in (labels, maps)])
    for result, x in zip(found, (labels, maps), strict=True):
        assert result.dtype == ops.convert_to_tensor(x).dtype
        np.testing.assert_array_equal(ops.convert_to_numpy(result), [*x, *(2 * x)])


def test_one_replica_is_left_alone():
    x = ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0]])
    for function in (replicas.total, replicas.join):
        assert function(x) is x
    for function in (replicas.totals, replicas.metric_rows):
        assert function([x])[0] is x
    assert replicas.first_rows(7, 2) == 4
    assert (replicas.count(), replicas.index()) == (1, 0)


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ValueError, match="7 rows, which 3 replicas cannot share"):
        replicas.check_batch_size(7, 3)
