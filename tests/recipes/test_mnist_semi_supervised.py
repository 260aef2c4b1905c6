"""A stopped run goes on as if it had not been stopped."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_drmm import DRMM, EG, Level, data
from recipes import measure
from recipes import mnist_semi_supervised as recipe


def model_and_data():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 8, 8), dtype="uint8")
    dataset = data.semi_supervised(
        x, np.arange(60) % 3, 6, batch_size=10, validation=9, seed=1
    )
    model = DRMM([Level(4, 3, pool_size=2, batch_norm=True)], 3, (8, 8, 1))
    # A step counter, moments of Adam and the warm-up have to be restored as well.
    model.compile(keras.optimizers.Adam(0.01), algorithm=EG(warmup_steps=10))
    return model, dataset


def test_resumed_run_equals_an_uninterrupted_one(tmp_path, monkeypatch):
    backend = keras.backend.backend()
    whole, parts = (
        SimpleNamespace(epochs=3, backend=backend, output=tmp_path / name)
        for name in ("whole", "parts")
    )
    for options in (whole, parts):
        options.output.mkdir()
    expected, dataset = model_and_data()
    recipe.train(expected, dataset, whole)

    begin = recipe.EpochLog.begin

    def stop(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    monkeypatch.setattr(recipe.EpochLog, "begin", stop)
    with pytest.raises(KeyboardInterrupt):
        recipe.train(*model_and_data(), parts)
    monkeypatch.setattr(recipe.EpochLog, "begin", begin)
    resumed, dataset = model_and_data()
    seconds = recipe.train(resumed, dataset, parts)

    for ours, theirs in zip(resumed.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    history = (parts.output / "history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in history] == ["epoch", "1", "2", "3"]
    assert seconds == pytest.approx(sum(float(v.split(",")[1]) for v in history[1:]))


@pytest.mark.smoke
def test_error_is_the_share_of_wrong_classes():
    logits = np.eye(4)[[0, 1, 2, 3, 0, 0, 0, 0]]
    model = SimpleNamespace(predict=lambda x, **_: logits)
    assert measure.error(model, None, np.array([0, 1, 2, 3, 1, 1, 1, 0])) == 37.5


def test_pretrained_run_learns_from_the_rows_shown_alone(monkeypatch):
    """Level by level without labels first, then from the labelled rows."""
    model, dataset = model_and_data()
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 8, 8), dtype="uint8")
    y = np.arange(60) % 3
    seen = []
    fit = type(model).fit

    def record(self, x=None, y=None, *args, **kwargs):
        seen.append((len(x), None if y is None else sorted(y)))
        return fit(self, x, y, *args, **kwargs)

    monkeypatch.setattr(type(model), "fit", record)
    options = SimpleNamespace(epochs=2)
    shown = dataset.labelled_indices
    seconds = recipe.train_pretrained(model, x, y, shown, options)
    # The level's own model sees all images, the model the rows that are shown.
    assert seen == [(60, None), (6, sorted(y[shown]))]
    assert seconds > 0
