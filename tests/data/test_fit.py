import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm.data import semi_supervised

BATCH = 8


def make(num_rows=60, **arguments):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (num_rows, 2, 2), dtype="uint8")
    return semi_supervised(x, np.arange(num_rows) % 2, 6, batch_size=BATCH, **arguments)


def fingerprint(labels, outputs):
    """A loss that tells batches apart, by rows, labels and the order of the rows."""
    place = ops.arange(1, BATCH + 1, dtype="float32")
    labels = ops.cast(ops.reshape(labels, (-1,)), "float32")
    return ops.mean(place * (labels + 2) * ops.reshape(outputs, (-1,)))


def make_model():
    # It adds up the pixels of an image, and a learning rate of 0 keeps it so.
    model = keras.Sequential(
        [
            keras.Input((2, 2, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(1, use_bias=False, kernel_initializer="ones"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.0), fingerprint)
    return model


class Recorder(keras.callbacks.Callback):
    """Records the fingerprint of each batch that the model gets, epoch by epoch."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append([])
        self.total = 0.0

    def on_train_batch_end(self, batch, logs=None):
        # Keras logs the mean over the epoch so far.
        total = logs["loss"] * (batch + 1)
        self.epochs[-1].append(total - self.total)
        self.total = total


def fit(model, dataset, epochs, initial_epoch=0, shuffle=False):
    recorder = Recorder()
    model.fit(
        dataset,
        epochs=epochs,
        initial_epoch=initial_epoch,
        shuffle=shuffle,
        validation_data=dataset.validation,
        validation_batch_size=BATCH,
        callbacks=[recorder],
        verbose=0,
    )
    return np.array(recorder.epochs)


def expected(epochs, **arguments):
    dataset = make(**arguments)
    result = []
    for epoch in epochs:
        dataset.epoch = epoch
        result.append(
            [
                np.mean(np.arange(1, BATCH + 1) * (labels + 2) * images.sum((1, 2, 3)))
                for images, labels in dataset
            ]
        )
    return np.array(result)


def assert_same(actual, desired):
    # float32 means of numbers near 10; different batches differ by far more.
    np.testing.assert_allclose(actual, desired, atol=1e-3)


# 8 rows make one batch an epoch, which Keras takes as a whole to build the model.
@pytest.mark.smoke
@pytest.mark.parametrize("num_rows", [60, 8])
def test_fit_gets_the_batches_in_order_from_epoch_0(num_rows):
    dataset = make(num_rows)
    assert_same(fit(make_model(), dataset, 3), expected(range(3), num_rows=num_rows))
    assert dataset.epoch == 3


@pytest.mark.parametrize("num_rows", [60, 8])
def test_second_fit_goes_on(num_rows):
    model, dataset = make_model(), make(num_rows)
    fit(model, dataset, 2)
    assert_same(
        fit(model, dataset, 4, initial_epoch=2),
        expected([2, 3], num_rows=num_rows),
    )
    # A model that is not built yet makes Keras take a batch before the first epoch.
    assert_same(
        fit(make_model(), dataset, 5, initial_epoch=4),
        expected([4], num_rows=num_rows),
    )
    assert dataset.epoch == 5


def test_set_epoch_resumes_exactly():
    dataset = make(validation=16)
    dataset.epoch = 2
    assert_same(
        fit(make_model(), dataset, 4, initial_epoch=2),
        expected([2, 3], validation=16),
    )


def test_interrupted_fit_is_repeated_from_its_epoch():
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    model, dataset = make_model(), make()
    with pytest.raises(KeyboardInterrupt):
        model.fit(dataset, callbacks=[Interrupt()], verbose=0)
    assert_same(fit(model, dataset, 2), expected(range(2)))


def test_shuffling_by_keras_keeps_the_batches_of_each_epoch():
    batches = fit(make_model(), make(), 2, shuffle=True)
    desired = expected(range(2))
    assert abs(batches - desired).max() > 0.1
    assert_same(np.sort(batches), np.sort(desired))


def test_workers_keep_epoch_and_order():
    model = make_model()
    fit(model, make(), 1)
    dataset = make()
    dataset.workers = 3
    # The model is built: else Keras would deliver the batches after the one that it
    # takes to build it twice.
    assert_same(fit(model, dataset, 2), expected(range(2)))
    assert dataset.epoch == 2


def test_workers_keep_the_epoch_for_a_model_that_is_not_built():
    dataset = make()
    dataset.workers = 3
    fit(make_model(), dataset, 2)
    assert dataset.epoch == 2


def test_predict_leaves_the_epoch_alone():
    dataset = make()
    make_model().predict(dataset, verbose=0)
    assert dataset.epoch == 0


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.data")
def test_tf_dataset_has_the_same_batches():
    """Epoch by epoch, without an autotuner that Keras waits for."""
    dataset, recorder = make(seed=3), Recorder()
    batches = dataset.as_tf_dataset()
    make_model().fit(batches, epochs=3, callbacks=[recorder], verbose=0)
    np.testing.assert_allclose(recorder.epochs, expected([0, 1, 2], seed=3), rtol=1e-4)
    assert dataset.epoch == 3
    assert not batches.options().autotune.enabled
