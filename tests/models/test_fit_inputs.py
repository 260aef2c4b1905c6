"""`fit` takes what Keras takes, with the same result, and refuses what is wrong."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, EG, Level
from tests.shared_models import shared

RNG = np.random.default_rng(0)
X = RNG.random((20, 8, 8, 1)).astype("float32")
Y = np.where(np.arange(20) % 4 == 0, np.arange(20) % 3, -1)


def make(**compile_options):
    keras.utils.set_random_seed(2)
    model = DRMM([Level(4, 3, pool_size=2, batch_norm=True), Level(6, 3)], (8, 8, 1), 3)
    compile_options.setdefault("optimizer", keras.optimizers.SGD(0.05))
    model.compile(algorithm=EG(), **compile_options)
    return model


# For what compiles nothing again.
build = shared(make)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[index * 10 : index * 10 + 10], Y[index * 10 : index * 10 + 10]


def tf_data():
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(10)


def torch_loader():
    torch = pytest.importorskip("torch")
    rows = [(x, int(y)) for x, y in zip(X, Y, strict=True)]
    return torch.utils.data.DataLoader(rows, batch_size=10)


def generator():
    return ((X[i : i + 10], Y[i : i + 10]) for i in (0, 10))


INPUTS = {
    "PyDataset": Batches,
    "tf.data": tf_data,
    "DataLoader": torch_loader,
    "generator": generator,
    "generator of lists": lambda: (list(batch) for batch in generator()),
}


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_gives_the_losses_of_arrays(name):
    arrays = build().fit(X, Y, batch_size=10, shuffle=False, verbose=0).history
    steps = 2 if name.startswith("generator") else None
    other = build().fit(INPUTS[name](), shuffle=False, steps_per_epoch=steps, verbose=0)
    other = other.history
    assert other.keys() == arrays.keys()
    for key, value in arrays.items():
        assert other[key][0] == pytest.approx(value[0], rel=1e-5), key


def test_labels_as_a_column_are_labels():
    flat = build().fit(X, Y, batch_size=10, shuffle=False, verbose=0).history
    # Of its own: a step of TensorFlow for both shapes would know no rank.
    column = make().fit(X, Y[:, None], batch_size=10, shuffle=False, verbose=0)
    assert column.history["loss"] == pytest.approx(flat["loss"], rel=1e-6)


def test_labels_may_be_bytes():
    """`keras.datasets` and `data.load` give uint8."""
    y = np.arange(20) % 3
    fits = [
        build().fit(X, labels, batch_size=10, shuffle=False, verbose=0).history
        for labels in (y, y.astype("uint8"))
    ]
    assert fits[1]["loss"] == pytest.approx(fits[0]["loss"], rel=1e-6)


def test_unsupervised_fit_takes_images_alone():
    model = make()
    model.compile("sgd", algorithm=EG(cross_entropy=0))
    history = model.fit(X, batch_size=10, verbose=0).history
    assert "cross_entropy" not in history
    assert np.isfinite(history["loss"][0])


def test_gradient_accumulation_equals_one_large_batch():
    """Two half batches with equal terms make the step of their mean."""
    options = {"optimizer": keras.optimizers.SGD(0.05, gradient_accumulation_steps=2)}
    # Without normalisation and marginal term a batch's loss is the mean of its rows'.
    halves, whole = make(**options), make()
    # Nor do balanced labels move the class prior between the halves.
    images, labels = X[:10], np.array([0, 1, 2, -1, -1] * 2)
    for model in (halves, whole):
        for level in model.levels[:1]:
            level.batch_norm.trainable = False
    algorithm = EG(marginal_kl=0)
    halves.compile(algorithm=algorithm, **options)
    whole.compile(keras.optimizers.SGD(0.05), algorithm=algorithm)
    halves.fit(images, labels, batch_size=5, shuffle=False, verbose=0)
    whole.fit(images, labels, batch_size=10, shuffle=False, verbose=0)
    for ours, theirs in zip(
        halves.trainable_variables, whole.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(
            ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs), atol=1e-5
        )


def test_jit_gives_the_same_losses(backend):
    if backend == "torch":
        pytest.skip("torch.compile needs a C++ compiler, which a user may not have")
    # By default TensorFlow does without on a CPU, and JAX does not.
    models = build, lambda: make(jit_compile=backend == "tensorflow")
    ours, theirs = (
        model().fit(X, Y, batch_size=10, shuffle=False, verbose=0) for model in models
    )
    assert ours.history["loss"] == pytest.approx(theirs.history["loss"], rel=1e-5)


def test_mixed_bfloat16_learns_near_float32(half):
    full = build().fit(X, Y, batch_size=10, shuffle=False, verbose=0).history
    model = half(make)
    history = model.fit(X, Y, batch_size=10, shuffle=False, verbose=0).history
    assert model.levels[0].compute_dtype == "bfloat16"
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    # bfloat16 has 8 bits of mantissa.
    assert history["loss"][0] == pytest.approx(full["loss"][0], rel=0.05)


BAD = {
    "rank": (X[..., 0], Y, "takes images of shape"),
    "channels": (np.repeat(X, 3, -1), Y, "takes images of shape"),
    "uint8": ((X * 255).astype("uint8"), Y, "to_unit_range"),
    "unscaled": (X * 255, Y, "Scale the images"),
    "negative": (X - 0.5, Y, "Scale the images"),
    "NaN": (np.where(X > 0.99, np.nan, X), Y, "NaN or infinite"),
    "infinite": (np.where(X > 0.99, np.inf, X), Y, "NaN or infinite"),
    "empty": (X[:0], Y[:0], "batch is empty"),
    "label too large": (X, np.where(Y == 2, 3, Y), "must be -1"),
    "label too small": (X, np.where(Y < 0, -2, Y), "must be -1"),
    "float labels": (X, Y.astype("float32"), "must be integers"),
    "one-hot labels": (X, np.eye(3, dtype=int)[Y], "one integer for each"),
    "too few labels": (X, Y[:-1], "one integer for each"),
    "no labelled row": (X, np.full(20, -1), "No row is labelled"),
    "no labels": (X, None, "No row is labelled"),
}


@pytest.mark.smoke
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_and_nothing_is_lost(name):
    x, y, message = BAD[name]
    model = build()
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(ValueError, match=message):
        model.fit(x, y, verbose=0)
    for ours, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["uint8", "unscaled", "NaN", "label too large"])
def test_first_batch_of_a_dataset_is_checked(name):
    x, y, message = BAD[name]

    class Bad(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return x, y

    with pytest.raises(ValueError, match=message):
        build().fit(Bad(), verbose=0)
    with pytest.raises(ValueError, match=message):
        build().fit([(x, y)], verbose=0)


REFUSED = {
    "fit": lambda model, batches: model.fit(batches, initial_epoch=2),
    "fit's validation": lambda model, batches: model.fit(
        X, Y, validation_data=batches, validation_freq=0
    ),
    "evaluate": lambda model, batches: model.evaluate(batches, steps=0),
    "predict": lambda model, batches: model.predict(batches, steps=0),
    "fit_prior": lambda model, batches: model.fit_prior(batches),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_call_takes_nothing_from_a_generator(name):
    batches = generator()
    with pytest.raises(ValueError, match=r"must be"):
        REFUSED[name](build(), batches)
    assert len(list(batches)) == 2


@pytest.mark.parametrize("name", ["fit", "validation", "evaluate", "predict"])
def test_first_batch_of_a_generator_is_checked(name):
    model = build()
    before = [w.copy() for w in model.get_weights()]
    batches = ((255 * x, y) for x, y in generator())
    calls = {
        "fit": lambda: model.fit(batches, verbose=0),
        "validation": lambda: model.fit(X, Y, validation_data=batches, verbose=0),
        "evaluate": lambda: model.evaluate(batches, verbose=0),
        "predict": lambda: model.predict(batches, verbose=0),
    }
    with pytest.raises(ValueError, match="Scale the images"):
        calls[name]()
    for ours, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_validation_by_a_generator_sees_its_first_batch():
    model = build()
    history = model.fit(X, Y, validation_data=generator(), verbose=0).history
    found = model.evaluate(X, Y, batch_size=10, verbose=0, return_dict=True)
    assert history["val_loss"][0] == pytest.approx(found["loss"], rel=1e-5)


@pytest.mark.parametrize("name", ["rank", "uint8", "unscaled", "NaN", "empty"])
def test_inference_checks_images(name):
    x, _, message = BAD[name]
    model = build()
    for method in (model.predict, model.infer, model.reconstruct):
        with pytest.raises(ValueError, match=message):
            method(x)


def test_validation_data_is_checked():
    with pytest.raises(ValueError, match="Scale the images"):
        build().fit(X, Y, validation_data=(X * 255, Y), verbose=0)


def test_render_refuses_unknown_classes():
    model = build()
    switches = model.infer(X).switches
    with pytest.raises(ValueError, match="`classes` must be integers from 0 to 2"):
        model.render(np.full(20, 3), switches)
    with pytest.raises(ValueError, match="one integer for each"):
        model.render([0, 1], switches)
