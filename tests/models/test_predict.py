"""What is wrong with a later batch is an error of every method and kind of model."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, EG, Level
from keras_drmm.baselines import PseudoLabel

RNG = np.random.default_rng(0)
X = RNG.random((20, 6, 6, 1)).astype("float32")
Y = (np.arange(20) % 3).astype("int32")
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
ignoring = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)


def build():
    keras.utils.set_random_seed(0)
    return DRMM([Level(2, 3, pool_size=2)], (6, 6, 1), 3)


def compiled(loss):
    model = build()
    model.compile("sgd", loss)
    return model


def learner():
    model = build()
    model.compile("sgd", algorithm=EG())
    return model


def baseline():
    images = keras.Input((6, 6, 1))
    logits = keras.layers.Dense(3)(keras.layers.Flatten()(images))
    return PseudoLabel(keras.Model(images, logits))


MODELS = {
    "not compiled": build,
    "EG": learner,
    "Keras loss": lambda: compiled(SPARSE),
    "ignore_class": lambda: compiled(ignoring),
    "baseline": baseline,
}


@pytest.fixture(scope="module")
def models():
    """A dictionary of one model of each kind."""
    return {name: make() for name, make in MODELS.items()}


class Batches(keras.utils.PyDataset):
    """Four batches of 5 rows, the third of which `spoil` changes."""

    def __init__(self, spoil=None):
        super().__init__()
        self.spoil = spoil

    def __len__(self):
        return 4

    def __getitem__(self, index):
        rows = slice(5 * index, 5 * index + 5)
        x, y = X[rows].copy(), Y[rows].copy()
        return self.spoil(x, y) if index == 2 and self.spoil else (x, y)


def tf_data(spoil=None):
    tf = pytest.importorskip("tensorflow")
    batches = list(map(Batches(spoil).__getitem__, range(4)))
    arrays = tuple(np.concatenate(column) for column in zip(*batches, strict=True))
    return tf.data.Dataset.from_tensor_slices(arrays).batch(5)


def torch_loader(spoil=None):
    torch = pytest.importorskip("torch")
    batches = list(map(Batches(spoil).__getitem__, range(4)))
    return torch.utils.data.DataLoader(batches, batch_size=None)


def generator(spoil=None):
    batches = Batches(spoil)
    return (batches[index] for index in range(4))


INPUTS = {
    "PyDataset": Batches,
    "tf.data": tf_data,
    "DataLoader": torch_loader,
    "generator": generator,
}


def with_pixel(value):
    def spoil(x, y):
        x[1, 2, 3] = value
        return x, y

    return spoil


def with_label(value):
    def spoil(x, y):
        y[3] = value
        return x, y

    return spoil


FAULTS = {
    "NaN": (with_pixel(np.nan), "images hold NaN or infinite values"),
    "infinite": (with_pixel(-np.inf), "images hold NaN or infinite values"),
    "255": (with_pixel(255), r"pixels must be in \[0.0, 1.0\] and are from .* to 255"),
    "negative": (with_pixel(-2), r"pixels must be in \[0.0, 1.0\] and are from -2 to"),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_every_input_gives_the_logits_of_arrays(kind, models):
    model = models["not compiled"]
    expected = model.predict(X, batch_size=5, verbose=0)
    found = model.predict(INPUTS[kind](), verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    if kind == "generator":
        # Of images alone, which Keras takes in tuples only.
        found = model.predict((x for x, _ in generator()), verbose=0)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(X), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "name", "fault"),
    [
        *((kind, "not compiled", "NaN") for kind in INPUTS),
        *((kind, "EG", "255") for kind in INPUTS),
        *(("PyDataset", "Keras loss", fault) for fault in FAULTS),
        *(("PyDataset", "baseline", fault) for fault in ("NaN", "infinite")),
    ],
)
def test_predict_names_a_later_batch_that_is_wrong(kind, name, fault, models):
    model = models[name]
    spoil, message = FAULTS[fault]
    before = model.predict(X, verbose=0)
    with pytest.raises(ValueError, match=f"to predict: Batch 2 .*its {message}"):
        model.predict(INPUTS[kind](spoil), verbose=0)
    # The model goes on, and `steps` leaves the batch out.
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)
    found = model.predict(INPUTS[kind](spoil), steps=2, verbose=0)
    np.testing.assert_allclose(found, before[:10], rtol=1e-5)


def test_baselines_take_all_pixels_that_are_finite(models):
    found = models["baseline"].predict(Batches(with_pixel(255)), verbose=0)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x, y: ((255 * x).astype("uint8"), y), "Images must be floats"),
        (lambda x, y: (x[:, :5], y), "takes images of shape"),
    ],
)
def test_a_later_batch_of_another_kind(spoil, message, models):
    if keras.backend.backend() == "tensorflow":
        pytest.skip("a tf.data set has one dtype and shape: TensorFlow says so")
    model = models["EG"]
    before = model.get_weights()
    with pytest.raises(ValueError, match=f"to predict, in batch 2: .*{message}"):
        model.predict(Batches(spoil), verbose=0)
    with pytest.raises(ValueError, match=message):
        model.evaluate(Batches(spoil), verbose=0)
    # On JAX, Keras had taken the weights out of the model.
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_first_step_that_fails_leaves_the_model_as_it_was():
    model, other = learner(), learner()
    small = [(X[:5, :4], Y[:5])]
    for method in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match="takes images of shape"):
            method((batch for batch in small), verbose=0)
    histories = [
        m.fit(X, Y, batch_size=10, shuffle=False, verbose=0).history
        for m in (model, other)
    ]
    assert histories[0]["loss"] == pytest.approx(histories[1]["loss"], rel=1e-6)


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        *(("Keras loss", *fault) for fault in FAULTS.values()),
        ("Keras loss", with_label(3), "labels must be 0 to 2 and are from 0 to 3"),
        ("Keras loss", with_label(-1), "labels .* from -1 to 2: .*`ignore_class=-1`"),
        ("ignore_class", with_label(-2), "labels must be -1 .* to 2 and are from -2"),
        ("ignore_class", with_label(3), "labels must be -1 .* to 2 and are from 0 to"),
    ],
)
def test_a_model_of_a_keras_loss_checks_its_batches(name, spoil, message, models):
    model = models[name]
    before = model.get_weights()
    with pytest.raises(ValueError, match=f"In epoch 1: Batch 2 .*its {message}"):
        model.fit(Batches(spoil), epochs=2, shuffle=False, verbose=0)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match=f"to evaluate: Batch 2 .*its {message}"):
        model.evaluate(Batches(spoil), verbose=0)


def test_unlabelled_rows_count_in_no_metric_of_a_keras_loss(models):
    model = models["ignore_class"]
    labels = np.where(np.arange(20) % 2, Y, -1)
    weights = np.arange(20) + 1.0
    hits = model.predict(X, verbose=0).argmax(1) == labels
    expected = np.average(hits[labels >= 0], weights=weights[labels >= 0])
    for y in (labels, labels[:, None]):
        for w in (weights, weights[:, None]):
            logs = model.evaluate(*(X, y), sample_weight=w, verbose=0, return_dict=True)
            assert logs["accuracy"] == pytest.approx(expected, rel=1e-5)
    with pytest.warns(UserWarning, match="No row was labelled"):
        logs = model.evaluate(X, np.full(20, -1), verbose=0, return_dict=True)
    assert np.isnan(logs["accuracy"])


def test_single_batches_are_checked(models):
    model = models["EG"]
    logs = model.test_on_batch(X, Y, sample_weight=Y + 1.0, return_dict=True)
    hits = model.predict_on_batch(X).argmax(1) == Y
    assert logs["accuracy"] == pytest.approx(np.average(hits, weights=Y + 1), rel=1e-5)
    for method in (model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match="`sample_weight` must be one number"):
            method(X, Y, np.ones(3))
        with pytest.raises(ValueError, match="batch by batch"):
            method(Batches())
    with pytest.raises(ValueError, match=r"Pixels must be in \[0.0, 1.0\]"):
        model.predict_on_batch(255 * X)
    with pytest.raises(ValueError, match="batch by batch"):
        model.predict_on_batch(Batches())


def test_logits_of_a_data_set_that_are_not_finite_are_warned_of():
    model = build()
    kernel = ops.convert_to_numpy(model.levels[0].conv.kernel)
    model.levels[0].conv.kernel.assign(np.full_like(kernel, np.inf))
    for predict in (
        lambda: model.predict(Batches(), verbose=0),
        lambda: model.predict_on_batch(X),
    ):
        with pytest.warns(UserWarning, match="20 of 20 images are not finite"):
            predict()


def test_a_data_set_may_reach_the_end_of_the_range():
    """Which is rounded up as a number of float32."""
    model = DRMM([Level(2, 3, pool_size=2)], (6, 6, 1), 3, pixel_range=(0, 1.1))
    x = np.full((4, 6, 6, 1), 1.1, "float32")
    assert float(x[0, 0, 0, 0]) > 1.1

    class Rows(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return x + self.beyond, np.zeros(4, "int32")

    rows = Rows()
    rows.beyond = 0
    np.testing.assert_array_equal(
        model.predict(rows, verbose=0), model.predict(x, verbose=0)
    )
    rows.beyond = np.float32(1e-3)
    with pytest.raises(ValueError, match=r"Pixels must be in \[0"):
        model.predict(rows, verbose=0)
