"""What `fit` and its like make of arguments beside the data."""

import warnings

import keras
import numpy as np
import pytest

from keras_drmm import DRMM, EG, HardEM, Level
from keras_drmm.data import semi_supervised

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


def test_a_training_that_nothing_is_left_of_warns(model):
    before = model.get_weights()
    with pytest.warns(UserWarning, match="Nothing is learned.* are 2, "):
        history = model.fit(X, Y, epochs=2, initial_epoch=2, verbose=0)
    assert history.history == {}
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_class_without_labels_warns(model):
    with pytest.warns(UserWarning, match=r"1 of the 3 classes .* \(2\): nothing tells"):
        model.fit(X, np.where(Y == 2, -1, Y), verbose=0)
    dataset = semi_supervised(X, np.where(Y == 1, -1, Y), None)
    with pytest.warns(UserWarning, match=r"have no label \(1\).* `num_classes=2`"):
        model.fit(dataset, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("frequency", [3, [1, 4]])
def test_a_frequency_that_validates_no_epoch_warns(frequency, model):
    with pytest.warns(UserWarning, match="Nothing is validated.* epochs 2 to 2"):
        history = model.fit(
            *(X, Y),
            epochs=2,
            initial_epoch=1,
            validation_split=0.25,
            validation_freq=frequency,
            verbose=0,
        )
    assert not any(name.startswith("val_") for name in history.history)


def test_class_weights_of_a_single_batch(model):
    """A row of weight w counts as w rows, an unlabelled one as one."""
    weights = np.where(Y == 1, 3.0, 1.0)
    start, logs = model.get_weights(), []
    for options in ({"class_weight": {1: 3.0}}, {"sample_weight": weights}):
        model.set_weights(start)
        model.reset_metrics()
        logs.append(model.train_on_batch(X, Y, return_dict=True, **options))
    for name, value in logs[1].items():
        assert logs[0][name] == pytest.approx(value, rel=1e-5), name


def test_a_last_step_that_spoils_the_weights_ends_fit(model):
    """No batch after it shows logits that are not finite."""
    before = model.get_weights()
    optimizer = model.optimizer
    model.compile(keras.optimizers.SGD(np.inf), algorithm=EG())
    with pytest.raises(ValueError, match="is not finite after the last step"):
        model.fit(X, Y, batch_size=12, verbose=0)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    model.compile(optimizer, algorithm=EG())


@pytest.mark.parametrize(
    "callback",
    [
        keras.callbacks.ReduceLROnPlateau(monitor="loss"),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_a_callback_that_sets_a_scheduled_rate_is_refused_before_an_epoch(callback):
    own = DRMM([Level(2, 3, pool_size=2)], (6, 6, 1), 3)
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    own.compile(keras.optimizers.SGD(schedule), algorithm=EG())
    before = own.get_weights()
    with pytest.raises(ValueError, match=f"has a {type(callback).__name__}.*Cosine"):
        own.fit(X, Y, callbacks=[callback], verbose=0)
    for one, other in zip(own.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    own.compile(algorithm=HardEM())
    with pytest.raises(ValueError, match="HardEM learns by closed forms"):
        own.fit(X, Y, callbacks=[callback], verbose=0)
    own.compile(keras.optimizers.SGD(0.1), algorithm=EG())
    history = own.fit(X, Y, callbacks=[callback], verbose=0)
    assert np.isfinite(history.history["loss"]).all()
