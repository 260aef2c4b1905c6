"""What `fit` and its like make of arguments beside the data."""

import keras
import numpy as np
import pytest

from keras_drmm import DRMM, EG, Level

RNG = np.random.default_rng(0)
X = RNG.random((12, 6, 6, 1)).astype("float32")
Y = np.arange(12) % 4 - 1


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = DRMM([Level(2, 3, pool_size=2)], (6, 6, 1), 3)
    model.compile("sgd", algorithm=EG())
    return model


@pytest.mark.parametrize(
    ("frequency", "validated"),
    [(1, 4), (2, 2), (3, 1), (np.int64(2), 2), ([1, 3, 4], 3), ((2,), 1)],
)
def test_epochs_that_are_validated(frequency, validated, model):
    history = model.fit(
        *(X, Y), epochs=4, validation_data=(X, Y), validation_freq=frequency, verbose=0
    )
    assert len(history.history["val_loss"]) == validated


@pytest.mark.parametrize(
    "frequency", [0, -1, True, 1.5, "1", None, [], [0], [True], [1, -2], [1.0], {1}]
)
def test_frequencies_of_validation_that_are_none(frequency, model):
    with pytest.raises(ValueError, match="`validation_freq` must be") as error:
        model.fit(X, Y, validation_data=(X, Y), validation_freq=frequency, verbose=0)
    assert str(error.value).endswith(f"got {frequency!r}.")
