"""What all baselines share: labels, metrics, learning, saving, errors."""

import doctest

import keras
import numpy as np
import pytest
from keras import ops

import keras_drmm
from keras_drmm import DRMM, Level, baselines, data
from keras_drmm.baselines import SWWAE, FixMatch, Ladder, MeanTeacher, PseudoLabel
from tests.baselines.build import (
    BASELINES,
    X,
    Y,
    cross_entropy,
    levels,
    network,
    randomise,
)

NOISE = keras.layers.GaussianNoise(0.1)


@pytest.fixture(params=BASELINES)
def model(request):
    model = BASELINES[request.param]()
    # Compiling takes longer than the few steps of these tests.
    model.compile(keras.optimizers.Adam(0.03), run_eagerly=True)
    return model


@pytest.mark.smoke
def test_unlabelled_rows_count_in_neither_cross_entropy_nor_accuracy(model):
    randomise(model)
    logits = model.predict(X, verbose=0)
    assert logits.shape == (8, 3)
    found = model.evaluate(X, Y, batch_size=8, verbose=0, return_dict=True)
    shown = Y >= 0
    expected = cross_entropy(logits[shown], Y[shown])
    assert found["cross_entropy"] == pytest.approx(expected, rel=1e-4)
    accuracy = np.mean(logits.argmax(1)[shown] == Y[shown])
    assert found["accuracy"] == pytest.approx(accuracy)
    # The objective is the weighted sum of the logged terms.
    weights = model.weights_of_terms
    total = sum(weight * found[name] for name, weight in weights.items())
    assert found["loss"] == pytest.approx(total, rel=1e-5)


def test_learns_compiled_from_a_semi_supervised_data_set(model):
    """A class is a bright row of the image."""
    classes = np.arange(32) % 3
    images = np.repeat(X, 4, axis=0) / 2
    images[np.arange(32), classes] += 0.5
    dataset = data.semi_supervised(images, classes, 12, batch_size=16)
    model.compile(keras.optimizers.Adam(0.03))
    history = model.fit(dataset, shuffle=False, epochs=8, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert history["cross_entropy"][-1] < 0.7 * history["cross_entropy"][0]


def test_all_weights_learn_and_are_saved(model, tmp_path):
    randomise(model)
    before = [ops.convert_to_numpy(v) + 0 for v in model.trainable_variables]
    # The ramp of PseudoLabel starts at 0.
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    for old, variable in zip(before, model.trainable_variables, strict=True):
        assert np.any(ops.convert_to_numpy(variable) != old), variable.path

    model.save(tmp_path / "baseline.keras")
    loaded = keras.models.load_model(tmp_path / "baseline.keras")
    assert type(loaded) is type(model)
    assert loaded.weights_of_terms == model.weights_of_terms
    one, other = (v.get_config() for v in (model, loaded))
    assert one.keys() == other.keys()
    for name in one.keys() - {"levels", "network", "strong", "augmentation"}:
        assert one[name] == other[name]
    expected = model.predict(X, verbose=0)
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), expected)
    # It goes on learning where it was.
    loaded.fit(X, Y, batch_size=8, verbose=0)
    assert int(loaded.optimizer.iterations) == 3


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[..., 0], Y, "takes images of shape"),
        ((X * 255).astype("uint8"), Y, "must be floats"),
        (X, np.eye(3)[Y], "one integer for each"),
        (X, Y / 1.0, "must be integers"),
        (X, Y + 1, "must be -1"),
        (X, np.full(8, -1), "No row is labelled"),
        (X, None, "No row is labelled"),
    ],
)
def test_wrong_data_is_refused(x, y, message):
    model = BASELINES["PseudoLabel"]()
    model.compile()
    with pytest.raises(ValueError, match=message):
        model.fit(x, y, verbose=0)


def test_own_objective(model):
    with pytest.raises(ValueError, match="objective of its own"):
        model.compile(loss="mse")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SWWAE([], (5, 5, 1), 3), "one or more `Level`s"),
        (lambda: Ladder([keras.layers.ReLU()], (5, 5, 1), 3), "one or more `Level`s"),
        (lambda: SWWAE(levels(), (5, 5, 1), 1), "num_classes"),
        (lambda: SWWAE(levels(), (5, 5, 1), 3, intermediate=-1), "intermediate"),
        (lambda: SWWAE(levels(), (5, 5, 1), 3, reconstruction="1"), "reconstruction"),
        (lambda: SWWAE(levels(), (5, 5, 1), 3, dropout=2), "`dropout`.*got 2.0"),
        (
            lambda: SWWAE([Level(2, 3, top_down_batch_norm=True)], (5, 5, 1), 3),
            "without `top_down_batch_norm`",
        ),
        (lambda: Ladder(levels(), (5, 5, 1), 3, noise=-0.1), "noise"),
        (lambda: Ladder(levels(), (5, 5, 1), 3, denoising=np.nan), "denoising"),
        (lambda: Ladder([Level(2, 3)], (5, 5, 1), 3), "batch_norm=True"),
        (lambda: PseudoLabel(network, alpha=1.0), "built `keras.Model`"),
        (lambda: PseudoLabel(keras.Sequential([keras.layers.ReLU()])), "built"),
        (
            lambda: PseudoLabel(
                keras.Sequential([keras.Input((5, 5, 1)), keras.layers.ReLU()])
            ),
            "must map",
        ),
        (lambda: PseudoLabel(network(), alpha=-1), "alpha"),
        (lambda: PseudoLabel(network(), t1=5, t2=5), "t2"),
        (lambda: FixMatch("net", NOISE), "`network` must be a built"),
        (lambda: FixMatch(network(), None), "`strong` must be a Keras layer.*None"),
        (lambda: FixMatch(network(), NOISE, "flip"), "`weak` must be.*got 'flip'"),
        (lambda: FixMatch(network(), NOISE, threshold=1.5), "threshold.*1.5"),
        (lambda: FixMatch(network(), NOISE, unlabelled=-1), "unlabelled.*-1"),
        (lambda: FixMatch(network(), keras.layers.Flatten()), "`strong` must leave"),
        (lambda: MeanTeacher(network(), len), "`augmentation` must be a Keras"),
        (lambda: MeanTeacher(network(), keras.layers.Flatten()), "must leave"),
        (lambda: MeanTeacher(network(), NOISE, decay=2), "decay.*2"),
        (lambda: MeanTeacher(network(), NOISE, ramp_steps=0), "ramp_steps.*0"),
        (lambda: MeanTeacher(network(), NOISE, consistency="x"), "consistency.*'x'"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("kind", [SWWAE, Ladder])
def test_takes_the_levels_of_a_drmm_and_shares_no_weight(kind):
    drmm = DRMM(levels(), (5, 5, 1), 3)
    model = kind(drmm.levels, (5, 5, 1), 3)
    shared = {id(v) for v in model.weights} & {id(v) for v in drmm.weights}
    assert not shared


@pytest.mark.parametrize("kind", [SWWAE, Ladder])
def test_the_old_order_of_arguments_still_works(kind):
    with pytest.warns(DeprecationWarning, match="input_shape, num_classes") as seen:
        old = kind(levels(), 3, (5, 5, 1), 0.2)
    assert seen[0].filename == __file__
    new = kind(levels(), (5, 5, 1), 3, 0.2).get_config()
    old = old.get_config()
    for name in new.keys() - {"levels", "name"}:
        assert old[name] == new[name]


@pytest.mark.parametrize("name", baselines.__all__)
def test_examples_are_true(name):
    names = {"np": np, "keras": keras, "keras_drmm": keras_drmm, "Level": Level}
    names |= vars(baselines)
    baseline = getattr(baselines, name)
    (test,) = doctest.DocTestFinder(recurse=False).find(baseline, name, globs=names)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0
