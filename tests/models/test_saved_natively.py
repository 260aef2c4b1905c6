"""A model is saved in the format from which it comes back, and in no other."""

import keras
import numpy as np
import pytest

from keras_drmm import DRMM, EG, RMM, Level, SoftEM
from keras_drmm.baselines import PseudoLabel

RNG = np.random.default_rng(0)
X = RNG.random((4, 6, 6, 1)).astype("float32")


def build(name):
    if name == "RMM":
        model = RMM((6, 6, 1), 3, 2)
        model.compile(algorithm=SoftEM())
        return model
    model = DRMM([Level(2, 3, pool_size=2)], (6, 6, 1), 3)
    if name == "PseudoLabel":
        model = PseudoLabel(model.to_convnet())
        model.compile("sgd")
        return model
    model.compile("sgd", algorithm=EG(entropy=2.0))
    return model


@pytest.mark.parametrize("name", ["DRMM", "RMM", "PseudoLabel"])
def test_a_format_that_loses_the_algorithm_is_refused(name, tmp_path):
    model = build(name)
    for ending in ("h5", "hdf5"):
        path = tmp_path / f"model.{ending}"
        with pytest.raises(ValueError, match=r"must end in `.keras`, got '.*'"):
            model.save(path)
        assert not path.exists()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.predict(X, verbose=0), model.predict(X, verbose=0)
    )


def test_the_other_arguments_of_save_are_keras_own(tmp_path, monkeypatch):
    model, path = build("DRMM"), tmp_path / "model"
    model.save(path, zipped=False)
    assert path.is_dir()
    assert keras.saving.load_model(path).algorithm == EG(entropy=2.0)
    model.save(tmp_path / "kept.keras")
    before = (tmp_path / "kept.keras").read_bytes()
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    build("RMM").save(tmp_path / "kept.keras", overwrite=False)
    assert (tmp_path / "kept.keras").read_bytes() == before
