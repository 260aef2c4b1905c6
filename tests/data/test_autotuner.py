"""On TensorFlow no epoch waits for tf.data's autotuner, and all else is Keras'."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, EG, Level
from keras_drmm.baselines import PseudoLabel
from keras_drmm.data import semi_supervised
from keras_drmm.models.learner import Learner
from tests.shared_models import shared

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="tf.data is TensorFlow's"
)
ROWS, BATCH = 21, 4
X = np.random.default_rng(0).random((ROWS, 8, 8, 1)).astype("float32")
Y = np.arange(ROWS) % 3


@pytest.fixture
def seen(monkeypatch):
    """What the real strategy is given, instead of Keras' own iterator."""
    import tensorflow as tf

    datasets = []
    strategy = type(tf.distribute.get_strategy())
    real = strategy.experimental_distribute_dataset

    def record(self, dataset, options=None):
        datasets.append(dataset)
        return real(self, dataset, options)

    monkeypatch.setattr(strategy, "experimental_distribute_dataset", record)
    return datasets


class Batches(keras.utils.PyDataset):
    """Batches of different sizes, and a note of each epoch's begin and end."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.notes = []

    def __len__(self):
        return 5

    def __getitem__(self, index):
        rows = slice(index * BATCH, index * BATCH + 3 + index % 2)
        return X[rows], Y[rows]

    def on_epoch_begin(self):
        self.notes.append("begin")

    def on_epoch_end(self):
        self.notes.append("end")


def semi():
    return semi_supervised(X, Y, 6, batch_size=BATCH)


def of_tensorflow():
    import tensorflow as tf

    return tf.constant(X, "bfloat16"), tf.constant(Y.astype("uint8"))


# What `fit` is given: arguments and options.
INPUTS = {
    "arrays": lambda: ((X, Y), {"batch_size": BATCH}),
    "arrays, no batch size": lambda: ((X, Y), {}),
    "arrays, weights": lambda: ((X, Y), {"sample_weight": np.linspace(0, 1, ROWS)}),
    "arrays, steps": lambda: ((X, Y), {"batch_size": BATCH, "steps_per_epoch": 2}),
    "arrays, split": lambda: ((X, Y), {"batch_size": BATCH, "validation_split": 0.3}),
    "tensors": lambda: (of_tensorflow(), {"batch_size": BATCH}),
    "PyDataset": lambda: ((Batches(),), {}),
    "PyDataset, steps": lambda: ((Batches(),), {"steps_per_epoch": 2}),
    "PyDataset, classes": lambda: ((Batches(),), {"class_weight": {1: 2.0}}),
    "semi": lambda: ((semi(),), {}),
    "semi, resumed": lambda: ((semi(),), {"initial_epoch": 1}),
}


class Sums(Learner):
    """Adds up the pixels of an image."""

    num_classes, image_shape = 3, (8, 8, 1)

    def compile(self, optimizer, loss):
        self._compile(None, optimizer, None, "auto", {}, loss=loss)

    def classify(self, images, training=False):
        return ops.sum(ops.cast(images, "float32"), axis=(1, 2, 3))[:, None]


def fingerprint(labels, outputs):
    """Tells rows, labels and their order apart."""
    place = ops.arange(1, ops.shape(outputs)[0] + 1, dtype="float32")
    labels = ops.cast(ops.reshape(labels, (-1,)), "float32")
    return place * (labels + 2) * ops.reshape(outputs, (-1,))


# As Keras' own losses say that rows may have the label -1.
fingerprint.ignore_class = -1


class Losses(keras.callbacks.Callback):
    """What Keras logs after each batch."""

    def __init__(self):
        super().__init__()
        self.values = []

    def on_train_batch_end(self, batch, logs=None):
        self.values.append(logs["loss"])


def batches_of(model, name, shuffle):
    keras.utils.set_random_seed(3)
    arguments, options = INPUTS[name]()
    losses = Losses()
    model.compile(keras.optimizers.SGD(0.0), fingerprint)
    options = {"epochs": 3, "shuffle": shuffle, "verbose": 0, **options}
    history = model.fit(*arguments, callbacks=[losses], **options).history
    return losses.values, history, arguments[0]


def keras_own():
    """The same without this library: a layer that adds up, nothing to learn."""
    images = keras.Input((8, 8, 1))
    total = keras.layers.Lambda(
        lambda x: ops.sum(ops.cast(x, "float32"), axis=(1, 2, 3))[:, None]
    )
    return keras.Model(images, total(images))


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("name", INPUTS)
def test_batches_are_those_of_keras(name, shuffle):
    ours, our_history, our_data = batches_of(Sums(), name, shuffle)
    theirs, their_history, their_data = batches_of(keras_own(), name, shuffle)
    assert len(ours) > 2
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert our_history.keys() == their_history.keys()
    if isinstance(our_data, Batches):
        assert our_data.notes == their_data.notes
    assert getattr(our_data, "epoch", 0) == getattr(their_data, "epoch", 0)


@shared
def drmm():
    model = DRMM([Level(4, 3, pool_size=2)], (8, 8, 1), 3)
    model.compile("sgd", algorithm=EG())
    return model


@shared
def baseline():
    layers = [keras.layers.Flatten(), keras.layers.Dense(3)]
    model = PseudoLabel(keras.Sequential([keras.Input((8, 8, 1)), *layers]))
    model.compile("sgd")
    return model


@pytest.mark.parametrize("build", [drmm, baseline])
@pytest.mark.parametrize(
    "data", [lambda: (X, Y), lambda: (Batches(),), lambda: (semi(),)]
)
def test_nothing_has_an_autotuner(build, data, seen):
    model = build()
    model.fit(*data(), validation_data=(X, Y), verbose=0)
    model.evaluate(*data(), verbose=0)
    model.predict(data()[0], verbose=0)
    assert len(seen) == 4
    assert [v.options().autotune.enabled for v in seen] == [False] * 4


def test_who_chooses_the_autotuner_keeps_it(seen):
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = True
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH).with_options(options)
    drmm().fit(data, verbose=0)
    assert seen[0].options().autotune.enabled


def test_strategy_of_several_replicas_is_left_alone(monkeypatch):
    import tensorflow as tf

    several = SimpleNamespace(num_replicas_in_sync=2)
    model = drmm()
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: several)
    assert model.distribute_strategy is several
