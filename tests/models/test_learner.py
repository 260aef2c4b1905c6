"""What `fit` and `evaluate` do with weights, logs and batches, as Keras means it."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from keras_drmm import DRMM, EG, RMM, HardEM, Level, SoftEM
from tests.shared_models import shared

RNG = np.random.default_rng(0)
X = RNG.random((24, 6, 6, 1)).astype("float32")
Y = np.where(np.arange(24) % 3 == 0, np.arange(24) % 2, -1).astype("int32")


def drmm(algorithm, optimizer="sgd", seed=1):
    keras.utils.set_random_seed(seed)
    levels = [Level(3, 3, pool_size=2), Level(4, 2, padding="valid")]
    model = DRMM(levels, (6, 6, 1), 2)
    # A ramp and priors that differ from their start.
    model.compile(optimizer, algorithm=algorithm)
    return model


def rmm(algorithm):
    keras.utils.set_random_seed(1)
    model = RMM((6, 6, 1), 2, 2)
    model.compile(algorithm=algorithm)
    return model


def noisy(**options):
    augmentation = keras.layers.GaussianNoise(0.3, seed=3)
    return EG(consistency=1.0, augmentation=augmentation, **options)


LEARNERS = {
    "EG": lambda: drmm(EG()),
    "HardEM": lambda: drmm(HardEM()),
    "SoftEM": lambda: drmm(SoftEM()),
    "RMM by HardEM": lambda: rmm(HardEM()),
    "RMM by SoftEM": lambda: rmm(SoftEM()),
}


@shared
def learner(name):
    """One of the learners, as it was made; no test compiles it again."""
    return LEARNERS[name]()


def learned(name):
    """One of the learners after an epoch."""
    model = learner(name)
    model.fit(X, Y, batch_size=8, verbose=0)
    return model


def fitted(name, x, y, **options):
    """All weights after two epochs from one start."""
    model = learner(name)
    if name != "EG":
        model.initialize(X, Y, seed=1)
    model.fit(x, y, batch_size=len(x), epochs=2, shuffle=False, verbose=0, **options)
    return model.get_weights()


@pytest.mark.parametrize("name", LEARNERS)
def test_a_row_of_weight_w_counts_as_w_rows_in_fit(name):
    """Templates and priors are those of rows that are there several times."""
    # As many rows as before: no step is compiled for another number.
    weights = np.where(np.arange(24) % 4 == 1, 3, np.arange(24) % 2)
    assert weights.sum() == 24
    several = np.repeat(np.arange(24), weights)
    found = fitted(name, X, Y, sample_weight=weights.astype("float32"))
    expected = fitted(name, X[several], Y[several])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-5)
    plain = fitted(name, X, Y)
    assert any(np.any(one != other) for one, other in zip(found, plain, strict=True))


@pytest.mark.parametrize("name", ["EG", "HardEM", "RMM by SoftEM"])
def test_class_weights_weigh_labelled_rows(name):
    weights = np.where(Y == 1, 5, np.where(Y == 0, 0.5, 1)).astype("float32")
    found = fitted(name, X, Y, class_weight={0: 0.5, 1: 5.0})
    expected = fitted(name, X, Y, sample_weight=weights)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_logged_terms_are_means_over_the_rows_that_they_are_about():
    """However rows fall into batches; one batch has a single row."""
    model = learner("EG")
    model.optimizer.learning_rate = 0.0
    model.fit(X, Y, verbose=0)
    logits = model.predict(X, verbose=0).astype("float64")
    shown = Y >= 0
    log_q = log_softmax(logits, axis=1)
    squares = np.square(X - model.reconstruct(X)).mean(axis=(1, 2, 3))
    expected = {
        "cross_entropy": -log_q[shown, Y[shown]].mean(),
        "entropy": entropy(softmax(logits, axis=1), axis=1).mean(),
    }
    for batch_size in (24, 23, 5):
        found = model.evaluate(X, Y, batch_size=batch_size, verbose=0, return_dict=True)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-4), name
        weights = model.algorithm.weights
        total = sum(weight * found[name] for name, weight in weights.items())
        assert found["loss"] == pytest.approx(total, rel=1e-5)
    # A labelled row renders its class.
    unlabelled = model.evaluate(X, np.full(24, -1), verbose=0, return_dict=True)
    assert unlabelled["reconstruction"] == pytest.approx(squares.mean(), rel=1e-4)


def test_terms_of_an_epoch_are_those_of_its_rows():
    """At learning rate 0 the epoch's logs equal those of all rows as one batch."""
    model = drmm(EG(marginal_kl=0), keras.optimizers.SGD(0.0))
    whole = model.fit(X, Y, batch_size=24, verbose=0).history
    parts = model.fit(X, Y, batch_size=23, shuffle=False, verbose=0).history
    for name in ("cross_entropy", "entropy", "reconstruction"):
        assert parts[name] == pytest.approx(whole[name], rel=1e-4), name


def test_the_ramp_is_part_of_training_alone():
    """In training `loss` is the sum with the ramp, in testing with whole weights."""
    model = drmm(noisy(warmup_steps=4), keras.optimizers.SGD(0.0))
    weights = model.algorithm.weights
    for step in range(3):
        # Before: priors, which `marginal_kl` looks at, move in training.
        history = model.fit(X, Y, batch_size=24, shuffle=False, verbose=0).history
        total = sum(
            (1 if name == "cross_entropy" else step / 4) * weight * history[name][0]
            for name, weight in weights.items()
        )
        assert history["loss"][0] == pytest.approx(total, rel=1e-5)
    one, other = (
        model.evaluate(X, Y, batch_size=24, verbose=0, return_dict=True)
        for _ in range(2)
    )
    # The noise has a seed of its own each time.
    assert one == other
    total = sum(weight * one[name] for name, weight in weights.items())
    assert one["loss"] == pytest.approx(total, rel=1e-5)


def test_testing_draws_no_number_from_training():
    """Weights after `fit` are the same with and without an `evaluate` between."""
    results = []
    make = shared(lambda: drmm(noisy()))
    for between in (False, True):
        model = make()
        model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
        if between:
            model.evaluate(X, Y, verbose=0)
        keras.utils.set_random_seed(5)
        model.fit(X, Y, batch_size=8, verbose=0)
        results.append(model.get_weights())
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["EG", "HardEM"])
def test_without_a_labelled_row_metrics_are_nan_with_one_warning(name):
    model = learned(name)
    with pytest.warns(UserWarning, match="No row was labelled") as found:
        logs = model.evaluate(X, np.full(24, -1), verbose=0, return_dict=True)
    assert len([w for w in found if "No row was labelled" in str(w.message)]) == 1
    assert np.isnan(logs["accuracy"])
    assert np.isfinite(logs["loss"])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        logs = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert 0 <= logs["accuracy"] <= 1


class Batches(keras.utils.PyDataset):
    """Batches of 8 rows, the third of which `spoil` changes."""

    def __init__(self, spoil):
        super().__init__()
        self.spoil = spoil

    def __len__(self):
        return 4

    def __getitem__(self, index):
        x, y, w = X[:8].copy(), Y[:8].copy(), np.ones(8, "float32")
        return self.spoil(x, y, w) if index == 2 else (x, y, w)


def changed(place, value):
    """A function that puts a value into images (0), labels (1) or weights (2)."""

    def spoil(*batch):
        batch[place][(3,) + (0,) * (batch[place].ndim - 1)] = value
        return batch

    return spoil


FAULTS = {
    "NaN": (changed(0, np.nan), "NaN or infinite"),
    "infinite": (changed(0, np.inf), "NaN or infinite"),
    "0..255": (changed(0, 255), r"in \[0.0, 1.0\] and are from .* to 255"),
    "negative": (changed(0, -1), r"in \[0.0, 1.0\] and are from -1"),
    "label": (changed(1, 2), "labels must be -1 .* to 1 and are from -1 to 2"),
    "negative label": (changed(1, -2), "from -2 to"),
    "negative weight": (changed(2, -1), "`sample_weight` .* from -1 to 1"),
    "NaN weight": (changed(2, np.nan), "`sample_weight`"),
}


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        *((name, "EG") for name in FAULTS),
        *((name, "HardEM") for name in ("NaN", "label", "negative weight")),
        *((name, "RMM by SoftEM") for name in ("NaN", "label", "negative weight")),
    ],
)
def test_a_later_batch_that_is_wrong_ends_fit_with_the_weights_before(name, algorithm):
    spoil, message = FAULTS[name]
    model = learned(algorithm)
    before = model.get_weights()
    seen = []
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda e, logs: seen.append(e)
    )
    with pytest.raises(ValueError, match=rf"In epoch 1: Batch 2 .*{message}"):
        model.fit(
            Batches(spoil), epochs=2, shuffle=False, verbose=0, callbacks=callback
        )
    # No callback of the user saw the epoch.
    assert seen == []
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match=rf"to evaluate: Batch 2 .*{message}"):
        model.evaluate(Batches(spoil), verbose=0)
    # The model goes on with data that are right.
    history = model.fit(Batches(lambda *batch: batch), verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_wrong_validation_batches_end_fit():
    model = learned("EG")
    spoil, message = FAULTS["label"]
    with pytest.raises(ValueError, match=f"to evaluate: Batch 2 .*{message}"):
        model.fit(X, Y, validation_data=Batches(spoil), verbose=0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x, y, w: ((255 * x).astype("uint8"), y, w), "Images must be floats"),
        (lambda x, y, w: (x[:, :5], y, w), "images of shape"),
        (lambda x, y, w: (x, np.eye(2, dtype="int32")[y], w), "one number for each"),
        (lambda x, y, w: (x, y.astype("float32"), w), "Labels must be integers"),
    ],
)
def test_a_later_batch_of_another_kind(spoil, message):
    if keras.backend.backend() == "tensorflow":
        pytest.skip("a tf.data set has one dtype and shape: TensorFlow says so")
    model = learned("EG")
    with pytest.raises(ValueError, match=message):
        model.fit(Batches(spoil), shuffle=False, verbose=0)


def test_em_takes_no_single_batch():
    model = learner("HardEM")
    with pytest.raises(ValueError, match="learns by sweeps over all rows"):
        model.train_on_batch(X, Y)


def test_train_on_batch_learns_as_fit_does():
    model = learner("EG")
    logs = model.train_on_batch(X, Y, return_dict=True)
    weights = model.get_weights()
    with pytest.raises(ValueError, match="Labels must be"):
        model.train_on_batch(X, Y + 5)
    model = learner("EG")
    history = model.fit(X, Y, batch_size=24, shuffle=False, verbose=0).history
    assert logs["loss"] == pytest.approx(history["loss"][0], rel=1e-5)
    for v, w in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(v, w, rtol=1e-5, atol=1e-7)


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="Keras executes single steps on PyTorch"
)
def test_steps_per_execution_skips_no_m_step():
    losses = []
    for together in (1, 2):
        model = LEARNERS["HardEM"]()
        model.compile(
            algorithm=HardEM(batches_per_m_step=2), steps_per_execution=together
        )
        model.initialize(X, Y, seed=1)
        fitted = model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        losses.append((fitted.history["loss"], model.get_weights()))
    assert losses[0][0] == pytest.approx(losses[1][0], rel=1e-5)
    for one, other in zip(losses[0][1], losses[1][1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    model.compile(algorithm=HardEM(batches_per_m_step=3), steps_per_execution=2)
    with pytest.raises(ValueError, match="steps_per_execution=2"):
        model.fit(X, Y, batch_size=4, verbose=0)


def test_regularizers_are_part_of_the_loss():
    keras.utils.set_random_seed(1)
    model = drmm(EG())
    penalty = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(1.0))
    penalty.build((None, 2))
    model.penalty = penalty
    model.compile("sgd", algorithm=EG())
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    total = sum(w * found[name] for name, w in model.algorithm.weights.items())
    squares = np.square(ops.convert_to_numpy(penalty.kernel)).sum()
    assert found["loss"] == pytest.approx(total + squares, rel=1e-5)


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="JAX alone cuts integers to 32 bits"
)
@pytest.mark.parametrize("value", [2**32, 2**40 + 1, -(2**32) - 1])
def test_labels_of_a_later_batch_beyond_32_bits(value):
    def spoil(x, y, w):
        y = y.astype("int64")
        y[3] = value
        return x, y, w

    model = learned("EG")
    with pytest.raises(ValueError, match=str(value)):
        model.fit(Batches(spoil), shuffle=False, verbose=0)
    with pytest.raises(ValueError, match=str(value)):
        model.evaluate(Batches(spoil), verbose=0)


def test_what_diverges_ends_fit_with_the_weights_before():
    model = learned("EG")
    before = model.get_weights()
    model.optimizer.learning_rate = 1e30
    # What overflows first, rounding decides: logits, a term or a weight.
    first = r"logits are not finite|term `\w+` of the objective is|made the weight"
    with pytest.raises(ValueError, match=first):
        model.fit(X, Y, batch_size=4, epochs=3, verbose=0)
    for one, other in zip(model.get_weights()[:3], before[:3], strict=True):
        assert np.isfinite(one).all(), other


def test_float16_that_overflows_is_noticed():
    """Templates of 300 and pixels up to 255 match to more than 65,504."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = DRMM([Level(3, 3)], (6, 6, 1), 2, pixel_range=(0, 255))
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile("sgd", algorithm=EG())
    images = 255 * X
    assert np.isfinite(model.predict(images, verbose=0)).all()
    model.levels[0].conv.kernel.assign(np.full((3, 3, 1, 3), 300.0))
    for method in (model.predict, model.infer):
        with pytest.warns(UserWarning, match=r"of 24 images are not finite.*bfloat16"):
            method(images)
    with pytest.raises(ValueError, match=r"logits are not finite.*mixed_bfloat16"):
        model.fit(images, Y, verbose=0)


def test_a_compile_that_fails_leaves_the_model_as_it_was():
    model = LEARNERS["EG"]()
    algorithm, trainer = model.algorithm, model.trainer
    for options in (
        {"loss_weights": [2.0]},
        {"metrics": [3]},
        {"jit_compile": "never"},
    ):
        with pytest.raises((TypeError, ValueError)):
            model.compile("sgd", algorithm=HardEM(), **options)
        assert model.algorithm is algorithm
        assert model.trainer is trainer
    assert np.isfinite(model.train_on_batch(X, Y, return_dict=True)["loss"])
