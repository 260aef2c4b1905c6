"""The rate and the warm-up that follow `fit`, against rates set by hand."""

import functools
import math

import keras
import numpy as np
import pytest

from keras_drmm import DRMM, EG, Level
from keras_drmm.baselines import PseudoLabel
from keras_drmm.learning import CosineDecayOverFit
from tests.shared_models import shared

RNG = np.random.default_rng(0)
X = RNG.random((12, 6, 6, 1)).astype("float32")
Y = (np.arange(12) % 2).astype("int32")
BATCHES = [slice(start, start + 4) for start in range(0, 12, 4)]


def small_model(rate, **options):
    keras.utils.set_random_seed(1)
    model = DRMM([Level(3, 3, pool_size=2)], (6, 6, 1), 2)
    model.compile(keras.optimizers.SGD(rate), algorithm=EG(**options))
    return model


@shared
def following(**options):
    """A model whose rate falls over `fit`."""
    return small_model(CosineDecayOverFit(0.1), **options)


@shared
def at_a_rate(**options):
    """A model whose rate is a number."""
    return small_model(0.1, **options)


def fit(model, x=X, y=Y, **options):
    options = {"batch_size": 4, "shuffle": False, "verbose": 0, **options}
    return model.fit(x, y, **options)


@functools.cache
def by_hand(rates, **options):
    """The weights of a model whose optimizer was given a rate before each step."""
    model = at_a_rate(**options)
    for step, rate in enumerate(rates):
        rows = BATCHES[step % 3]
        model.optimizer.learning_rate = rate
        model.train_on_batch(X[rows], Y[rows])
    return model.get_weights()


def falling(steps):
    """0.1 (1 + cos π p) / 2 of the first steps."""
    return tuple(0.05 * (1 + math.cos(math.pi * k / steps)) for k in range(steps))


def assert_equal(model, weights):
    for one, two in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_rates_are_those_of_the_cosine_over_each_fit():
    """A second `fit` starts anew, however long the first one was."""
    model = following()
    fit(model, epochs=2)
    assert_equal(model, by_hand(falling(6)))
    fit(model, epochs=1)
    assert_equal(model, by_hand(falling(6) + falling(3)))


def test_rates_count_batches_where_gradients_are_accumulated():
    """Keras counts an update of the weights once in `iterations` then."""
    rates = []

    class Note(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            rate = self.model.optimizer.learning_rate
            rates.append(float(keras.ops.convert_to_numpy(rate)))

    model = DRMM([Level(3, 3, pool_size=2)], (6, 6, 1), 2)
    rate = CosineDecayOverFit(0.1)
    optimizer = keras.optimizers.SGD(rate, gradient_accumulation_steps=2)
    model.compile(optimizer, algorithm=EG())
    fit(model, epochs=2, callbacks=[Note()])
    fit(model, epochs=1, callbacks=[Note()])
    fit(model, epochs=2, initial_epoch=1, callbacks=[Note()])
    expected = [*falling(6), *falling(3), *falling(6)[3:]]
    np.testing.assert_allclose(rates, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("is_new", [False, True])
def test_a_fit_in_two_parts_is_one_fit(is_new, tmp_path):
    model = following()
    fit(model, epochs=1)
    assert_equal(model, by_hand(falling(3)))
    model = following()

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    fit(model, epochs=2, callbacks=Stop())
    if is_new:
        model.save(tmp_path / "model.keras")
        model = keras.models.load_model(tmp_path / "model.keras")
    fit(model, initial_epoch=1, epochs=2)
    assert_equal(model, by_hand(falling(6)))


def test_backup_and_restore_goes_on_with_the_rate(tmp_path):
    class Fail(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    with pytest.raises(KeyboardInterrupt):
        fit(following(), epochs=2, callbacks=[backup(), Fail()])
    # Of its own: Keras keeps the epoch that it restored in the model.
    model = small_model(CosineDecayOverFit(0.1))
    fit(model, epochs=2, callbacks=[backup()])
    assert_equal(model, by_hand(falling(6)))


def noted(model, x=X, y=Y, **options):
    """The rates of each batch of a `fit`, of each optimizer."""
    rates = []

    class Note(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            # By the callback's model, whose weights JAX puts back for it.
            optimizer = self.model.optimizer
            found = getattr(optimizer, "optimizers", [optimizer])
            rates.append([float(np.array(v.learning_rate)) for v in found])

    fit(model, x, y, callbacks=[Note()], **options)
    return np.array(rates).T


def by_a_loss():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = DRMM([Level(3, 3, pool_size=2)], (6, 6, 1), 2)
    model.compile(keras.optimizers.SGD(CosineDecayOverFit(0.1)), loss=loss)
    return model


def pseudo_label():
    levels = DRMM([Level(3, 3, pool_size=2)], (6, 6, 1), 2)
    model = PseudoLabel(levels.to_convnet())
    model.compile(keras.optimizers.SGD(CosineDecayOverFit(0.1)))
    return model


@pytest.mark.parametrize("make", [by_a_loss, pseudo_label])
def test_whatever_learns_the_rate_follows_fit(make):
    model = make()
    for _ in range(2):
        (rates,) = noted(model, epochs=2)
        np.testing.assert_allclose(rates, falling(6), rtol=1e-4)


def test_each_of_several_optimizers_follows_fit():
    model = small_model(0.1)
    optimizers = keras.optimizers
    one, other = (optimizers.SGD(CosineDecayOverFit(v)) for v in (0.1, 0.2))
    found = optimizers.MultiOptimizer(
        optimizers.OptimizerMap(one, {".*templates.*": other})
    )
    model.compile(found, algorithm=EG())
    rates = noted(model, epochs=2)
    first = 0.1 if np.isclose(rates[0, 0], 0.1) else 0.2
    np.testing.assert_allclose(rates[0] / first, np.array(falling(6)) / 0.1, rtol=1e-4)
    np.testing.assert_allclose(rates.prod(axis=0), 2 * np.square(falling(6)), rtol=1e-4)


def test_a_batch_after_fit_is_learned_at_the_rate_of_the_start():
    """Not at the 0 that `fit` ended with."""
    model = following()
    fit(model, epochs=2)
    model.train_on_batch(X[BATCHES[0]], Y[BATCHES[0]])
    assert_equal(model, by_hand((*falling(6), 0.1)))


class Endless(keras.utils.PyDataset):
    """Batches without an end."""

    @property
    def num_batches(self):
        return None

    def __getitem__(self, index):
        rows = BATCHES[index % 3]
        return X[rows], Y[rows]


def test_a_data_set_of_unknown_length():
    model = following()
    model.fit(Endless(), steps_per_epoch=3, epochs=2, shuffle=False, verbose=0)
    assert_equal(model, by_hand(falling(6)))
    model = following()
    with pytest.warns(UserWarning, match="Give `steps_per_epoch`"):
        model.fit(((X[rows], Y[rows]) for rows in BATCHES), epochs=1, verbose=0)
    assert_equal(model, by_hand((0.1,) * 3))


def test_warm_up_takes_a_third_of_fit():
    """Of 6 steps the first 2; the ramp by hand is that of a fixed number."""
    model = following(warmup_steps=None)
    fit(model, epochs=2)
    assert_equal(model, by_hand(falling(6), warmup_steps=2))
    # It has warmed up.
    fit(model, epochs=1)
    assert_equal(model, by_hand(falling(6) + falling(3), warmup_steps=2))


def test_warm_up_takes_at_most_1000_steps():
    model = small_model(0.0, warmup_steps=None)
    model.trainer.prepare(None, 713, 0, 5)
    assert float(model.trainer._warmup.steps) == 1000
    model.trainer.prepare(None, 83, 0, 5)
    assert float(model.trainer._warmup.steps) == 138


def test_is_found_below_the_scaling_of_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = small_model(CosineDecayOverFit(0.1))
    finally:
        keras.config.set_dtype_policy("float32")
    assert hasattr(model.optimizer, "inner_optimizer")
    fit(model, epochs=2)
    rate = model.optimizer.inner_optimizer.learning_rate
    assert float(rate) == pytest.approx(0, abs=1e-7)
