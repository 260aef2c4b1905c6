"""What becomes NaN or infinite stops a `fit`, by name; what is unused is told of."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, EG, RMM, HardEM, Level, SoftEM
from tests.shared_models import shared

RNG = np.random.default_rng(0)
X = RNG.random((24, 6, 6, 1)).astype("float32")
Y = np.where(np.arange(24) % 3 == 0, np.arange(24) % 2, -1).astype("int32")


def make(algorithm, optimizer="sgd", dtype=None, pixel_range=(0, 1), filters=3):
    keras.utils.set_random_seed(1)
    levels = [Level(filters, 3, pool_size=2, dtype=dtype)]
    model = DRMM(levels, (6, 6, 1), 2, pixel_range=pixel_range, dtype=dtype)
    model.compile(optimizer, algorithm=algorithm)
    return model


build = shared(make)


def assert_stops(model, message, error=ValueError, x=X, y=Y, **options):
    """Two epochs from arrays; the weights are then those from before."""
    before = model.get_weights()
    with pytest.raises(error, match=message):
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0, **options)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_weight_and_the_step_that_spoiled_it_are_named():
    model = build(EG())
    model.optimizer.learning_rate = 1e39
    path = r"`[^`]*(kernel|bias|alpha|templates)`"
    message = rf"In epoch 1: The step on batch 0 .* the weight {path} (NaN|infinite)\."
    assert_stops(model, message + ".*learning rate.*clipnorm.*from before this epoch")


def test_the_term_that_became_infinite_first_is_named():
    """Logits of 1e20 are finite; what templates of 1e25 render is not, squared."""
    model = build(EG(nonnegativity=0.0, class_kl=0.1))
    model.templates.templates.assign(np.full((3, 2), 1e25))
    model.levels[0].conv.kernel.assign(np.full((3, 3, 1, 3), 1e-5))
    assert_stops(
        model,
        "In epoch 1: From batch 0 .* the term `reconstruction` of the objective is "
        "infinite, although images, weights and logits are finite",
    )


def test_weights_that_are_loaded_as_nan_are_named():
    model = build(EG())
    model.levels[0].alpha.assign(np.full((1, 1, 1), np.nan))
    with pytest.raises(ValueError, match="alpha` was NaN before the first step"):
        model.fit(X, Y, verbose=0)


def test_logits_that_overflow_float16_are_told_of():
    model = build(EG(), dtype="mixed_float16", pixel_range=(0, 255))
    model.levels[0].conv.kernel.assign(np.full((3, 3, 1, 3), 300.0))
    message = "batch 0 .* logits are not finite.*65,504 under float16.*mixed_bfloat16"
    assert_stops(model, message, x=255 * X)


def test_a_loss_scale_that_has_fallen_is_warned_of():
    model = build(EG(), dtype="mixed_float16")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*loss scale")
        model.fit(X, Y, batch_size=8, verbose=0)
    model.optimizer.dynamic_scale.assign(0.5)
    with pytest.warns(UserWarning, match="loss scale .* fallen to 0.5: gradients") as w:
        model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    assert sum("loss scale" in str(found.message) for found in w) == 1


def test_a_keras_loss_is_named():
    model = make(EG())
    model.compile("sgd", loss=lambda y, logits: ops.mean(logits, -1) * 1e30 * 1e30)
    assert_stops(model, "the term `loss`", y=np.arange(24) % 2)


@pytest.mark.parametrize("algorithm", [HardEM(), SoftEM()])
def test_the_statistic_of_em_is_named(algorithm):
    model = build(algorithm)
    model.initialize(X, Y, seed=0)
    statistic = model.trainer.sums.levels[0].moments

    class Spoil(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            statistic.assign(np.full(statistic.shape, np.inf))

    assert_stops(
        model,
        "statistic `.*moments` of the sweep of epoch 1 is not finite.*before that",
        FloatingPointError,
        callbacks=Spoil(),
    )


def test_what_an_m_step_made_not_finite_is_named_and_taken_back():
    keras.utils.set_random_seed(0)
    model = RMM((6, 6, 1), 2, 2)
    model.compile(algorithm=HardEM())
    model.initialize(X, Y, seed=0)
    statistics = model.trainer.statistics

    class Spoil(keras.callbacks.Callback):
        """Makes σ² larger than float32 is, of finite statistics."""

        def on_epoch_end(self, epoch, logs=None):
            statistics.squares.assign(3e38)
            statistics.deviations.assign(np.zeros(statistics.deviations.shape))
            statistics.counts.assign(np.full(statistics.counts.shape, 2e-38))

    message = "The M-step of epoch 1 made the variable `.*noise_variance` not finite"
    assert_stops(model, message, FloatingPointError, callbacks=Spoil())


def unused_of(fit):
    """What a fit warns of as unused, None for nothing, and once at most."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit()
    found = [str(w.message) for w in caught if "In the last epoch" in str(w.message)]
    assert len(found) < 2
    return found[0] if found else None


@pytest.mark.parametrize("name", ["EG", "HardEM"])
def test_dead_templates_are_told_of_once_with_their_numbers(name):
    model = build({"EG": EG(), "HardEM": HardEM(step=0.02)}[name], filters=5)
    if name == "HardEM":
        model.initialize(X, Y, seed=0)
    model.optimizer.learning_rate = 1e-6
    kernel = np.abs(RNG.normal(size=(3, 3, 1, 5)))
    # An M-step gives templates that are unused another task.
    epochs = 1 if name == "HardEM" else 2

    def fit(biases):
        model.levels[0].conv.kernel.assign(kernel)
        model.levels[0].conv.bias.assign(biases)
        return unused_of(
            lambda: model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0)
        )

    assert "templates" not in (fit([1, 1, 1, 1, 1]) or "")
    found = fit([1, -1e3, 1, -1e3, 1])
    assert "2 of 5 templates of level 1 were never ON (1, 3)" in found


def test_of_a_frozen_model_no_template_is_called_dead():
    model = build(EG(), filters=5)
    model.trainable = False
    model.compile("sgd", algorithm=EG())
    assert unused_of(lambda: model.fit(X, Y, batch_size=8, verbose=0)) is None


@pytest.mark.parametrize("name", ["EG", "HardEM", "RMM by HardEM"])
def test_empty_classes_are_told_of(name):
    """All rows are one image, so that one class has them all."""
    same = np.repeat(X[:1], 24, axis=0)
    if name == "RMM by HardEM":
        keras.utils.set_random_seed(0)
        model = RMM((6, 6, 1), 2, 2)
        model.compile(algorithm=HardEM())
    else:
        model = build({"EG": EG(cross_entropy=0), "HardEM": HardEM()}[name])
    found = unused_of(lambda: model.fit(same, batch_size=8, verbose=0))
    classes = np.unique(model.predict(same, verbose=0).argmax(-1))
    if name == "EG":
        (empty,) = set(range(2)) - set(classes.tolist())
        assert f"no row was assigned to 1 of 2 classes ({empty})" in found
    assert "no row was assigned to 1 of 2 classes" in found


def test_labels_keep_what_they_name_in_use():
    """A supervised EG is not told of classes that it does not predict yet."""
    assert "classes" not in (unused_of(lambda: build(EG()).fit(X, Y, verbose=0)) or "")
