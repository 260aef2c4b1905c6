"""Arrays of a mapped file reach TensorFlow in batches, and teach what arrays do."""

import keras
import numpy as np
import pytest

from keras_drmm import DRMM, EG, Level
from keras_drmm.data.shuffled_rows import ShuffledRows, columns
from keras_drmm.models import streaming
from keras_drmm.models.training_rows import TrainingRows

RNG = np.random.default_rng(0)
X = RNG.random((20, 8, 8, 1)).astype("float32")
Y = np.where(np.arange(20) % 3, -1, np.arange(20) % 4 % 3)
WEIGHTS = np.linspace(0.5, 2, 20).astype("float32")
pytestmark = pytest.mark.every_backend


@pytest.fixture
def mapped(tmp_path):
    np.save(tmp_path / "x.npy", X)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


def make():
    keras.utils.set_random_seed(0)
    model = DRMM([Level(3, 3, pool_size=2)], (8, 8, 1), 3)
    model.compile("sgd", algorithm=EG())
    return model


def test_what_is_streamed(mapped, monkeypatch, backend):
    """Of TensorFlow alone: the others cut a batch out of the array."""
    here = backend == "tensorflow"
    for x in (mapped, mapped[3:], np.asarray(mapped), mapped[..., 0]):
        assert streaming.is_streamed(x) == here
    assert not streaming.is_streamed(X)
    assert not streaming.is_streamed([[1.0]])
    monkeypatch.setattr(streaming, "LARGE", X.nbytes)
    assert streaming.is_streamed(X) == here
    assert not streaming.is_streamed(X[1:])


@pytest.mark.parametrize("split", [0.0, 0.25])
def test_a_mapped_file_teaches_what_its_array_does(mapped, split):
    histories, weights = [], []
    for x in (X, mapped):
        model = make()
        options = {"validation_split": split, "shuffle": False, "verbose": 0}
        history = model.fit(
            x, Y, batch_size=6, epochs=2, sample_weight=WEIGHTS, **options
        )
        histories.append(history.history)
        weights.append(model.get_weights())
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-4, atol=1e-6)
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_it_is_measured_and_predicted_as_its_array(mapped):
    model = make()
    for options in ({}, {"sample_weight": WEIGHTS}):
        found, expected = (
            model.evaluate(x, Y, batch_size=6, verbose=0, return_dict=True, **options)
            for x in (mapped, X)
        )
        assert found == pytest.approx(expected, rel=1e-4)
    found, expected = (model.predict(x, batch_size=6, verbose=0) for x in (mapped, X))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_each_epoch_has_every_row_once_in_an_order_of_its_own():
    rows = np.arange(7)
    batches = ShuffledRows([rows, 2 * rows], 3, advances=True)
    orders = []
    for _ in range(2):
        images, labels = zip(*map(batches.__getitem__, range(3)), strict=True)
        np.testing.assert_array_equal(
            np.concatenate(labels), 2 * np.concatenate(images)
        )
        orders.append(np.concatenate(images).tolist())
        batches.on_epoch_end()
    assert sorted(orders[0]) == sorted(orders[1]) == rows.tolist()
    assert orders[0] != orders[1]
    plain = ShuffledRows([rows], 3, shuffles=False)
    np.testing.assert_array_equal(plain[2][0], [6])


def test_weights_without_labels_stay_weights():
    images, labels, weights = columns(X, None, WEIGHTS)
    assert images is X
    assert weights is WEIGHTS
    np.testing.assert_array_equal(labels, np.full(20, -1))
    assert len(columns(X)) == 1


def test_what_em_begins_with_is_no_copy(mapped):
    images, labels = TrainingRows(mapped, Y, validation_split=0.25).first(5)
    assert np.shares_memory(images, mapped)
    np.testing.assert_array_equal(labels, Y[:15])
    rows, _ = TrainingRows(X, sample_weight=np.arange(20) % 2.0).first(5)
    np.testing.assert_array_equal(rows, X[1::2])
