"""Hard EM of a DRMM: its direction, its guarantee, what it keeps."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_drmm import DRFM, DRMM, EG, HardEM, Level, SoftEM
from keras_drmm.data.autotuner import without_autotuner
from tests.em.examples import EXAMPLES

RNG = np.random.default_rng(0)
X = RNG.random((12, 8, 8, 1)).astype("float32")
LABELS = np.array([0, 1, 2, 0, 1, 2, -1, -1, -1, -1, -1, -1])


# Eager steps are quicker on TensorFlow where there are few: these models are smaller
# than their graphs. JAX compiles eager operations too, one at a time.
EAGER = keras.backend.backend() == "tensorflow"
COMPILED: dict[tuple, DRMM] = {}


def build_compiled(levels, pooling, seed, algorithm):
    """As `build`, but its sweeps are a graph, which models of a shape share."""
    keras.utils.set_random_seed(seed)
    fresh = build(levels, pooling, seed, algorithm)
    key = levels, pooling, algorithm
    if key not in COMPILED:
        fresh.compile("sgd", algorithm=algorithm)
        COMPILED[key] = fresh
    model = COMPILED[key]
    model.set_weights(fresh.get_weights())
    return model


def sweep(model, labels, epochs, images=X):
    """Return the losses of a `fit` in batches of 5, 5 and 2 rows."""
    data = (images, labels)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # Keras would wait for the autotuner of its own data set.
        dataset = tf.data.Dataset.from_tensor_slices(data).batch(5)
        data = (without_autotuner(dataset),)
    options = {"batch_size": 5} if len(data) == 2 else {}
    return model.fit(*data, epochs=epochs, verbose=0, **options).history["loss"]


def build(levels=2, pooling=None, seed=0, algorithm=None, factors=0, **options):
    keras.utils.set_random_seed(seed)
    parts = [Level(3, 3, padding="full", pool_size=2), Level(4, 2, padding="valid")]
    if factors:
        model = DRFM(parts[:levels], (8, 8, 1), 3, factors)
    else:
        model = DRMM(parts[:levels], (8, 8, 1), 3, pooling=pooling, **options)
    model.compile("sgd", algorithm=algorithm or HardEM(), run_eagerly=EAGER)
    return model


def squared_error(model, labels=None):
    return np.mean(np.square(X - model.infer(X, labels).reconstruction))


@pytest.mark.always
@settings(max_examples=EXAMPLES)
@given(
    seed=st.integers(0, 2**31 - 1),
    levels=st.integers(1, 2),
    pooling=st.sampled_from(["mean", None]),
    labelled=st.booleans(),
)
def test_objective_never_rises(seed, levels, pooling, labelled):
    """And it is the error that the weights make after `fit`, measured apart."""
    model = build_compiled(levels, pooling, seed, HardEM())
    labels = LABELS if labelled else np.full(12, -1)
    losses = sweep(model, labels, epochs=4)
    assert np.all(np.diff(losses) <= 0)
    assert squared_error(model, labels) == pytest.approx(losses[-1], rel=1e-3)


def test_direction_is_downhill_at_every_level():
    """The moments are the gradient of the error for fixed (ĉ, ĝ): by differences."""
    model = build()
    model.initialize(X, LABELS, seed=1)
    found = model.infer(X, LABELS)
    expectation = model.trainer.e_step(
        ops.convert_to_tensor(X), ops.convert_to_tensor(LABELS)
    )
    model.trainer.accumulate(expectation.statistics)

    def error():
        image = model.render(found.classes, found.switches)
        return np.sum(np.square(np.float64(X) - image))

    for level, statistics in zip(model.levels, model.trainer.sums.levels, strict=True):
        _, moments = statistics._equations()
        kernel = ops.convert_to_numpy(level.conv.kernel).copy()
        shape = (*kernel.shape[:2], kernel.shape[3], kernel.shape[2])
        gradient = -2 * moments[:-1].reshape(shape).transpose(0, 1, 3, 2)
        for place in [(0, 0, 0, 0), (1, 1, 0, 1), (1, 0, 0, 2)]:
            change = np.zeros_like(kernel)
            change[place] = 1e-4
            level.conv.kernel.assign(kernel + change)
            above = error()
            level.conv.kernel.assign(kernel - change)
            below = error()
            level.conv.kernel.assign(kernel)
            assert gradient[place] == pytest.approx(
                (above - below) / 2e-4, rel=1e-2, abs=1e-2
            )


def test_first_level_is_fitted_by_least_squares():
    """A sweep and the same (c, g) again: no other templates render with less error."""
    model = build(levels=1)
    model.initialize(X, LABELS, seed=1)
    found = model.infer(X, LABELS)
    model.fit(X, LABELS, epochs=1, verbose=0)
    kept = model.trainer.best
    # The templates alone: class templates stay.
    old, level = kept.levels[0], model.levels[0]
    kernel, dkernel = old.kernel, old.kernel_change
    alpha, dalpha = old.alpha, old.alpha_change
    model.templates.templates.assign(kept.top)

    def error(step, noise=0.0):
        level.conv.kernel.assign(kernel + step * dkernel + noise)
        level.alpha.assign(alpha + step * dalpha)
        return np.sum(
            np.square(np.float64(X) - model.render(found.classes, found.switches))
        )

    best = error(1.0)
    assert best < error(0.0)
    # The penalty on templates is 1e-4 of their scale: the minimum is nearly there.
    for step in (0.9, 1.1):
        assert error(step) > best
    for _ in range(5):
        assert error(1.0, 0.05 * RNG.normal(size=kernel.shape)) > best


def test_scaling_templates_leaves_the_images():
    model = build()
    model.initialize(X, LABELS, seed=1)
    rng = np.random.default_rng(3)
    for level in model.levels:
        level.conv.kernel.assign(rng.normal(size=level.conv.kernel.shape))
        level.alpha.assign(0.1 * rng.normal(size=level.alpha.shape))
    model.fit(X, LABELS, epochs=1, verbose=0)
    kept = model.trainer.best
    switches = model.infer(X).switches
    for level, old in zip(model.levels, kept.levels, strict=True):
        level.conv.kernel.assign(old.kernel)
        level.alpha.assign(old.alpha)
    model.templates.templates.assign(kept.top)
    before = model.render(np.arange(12) % 3, switches)
    model.trainer._assign_parameters(0.0)
    after = model.render(np.arange(12) % 3, switches)
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-4)
    for level in model.levels:
        kernel = ops.convert_to_numpy(level.conv.kernel)
        norms = np.sqrt(np.square(kernel).sum(axis=(0, 1, 2)))
        np.testing.assert_allclose(norms, 1, rtol=1e-5)


def test_scaling_templates_leaves_the_posterior():
    """The size of a template is one of units, which κ and μ_c have to agree in."""
    model = build()
    model.initialize(X, LABELS, seed=1)
    model.fit(X, LABELS, epochs=1, verbose=0)
    model.trainer._assign_parameters(1.0)
    scaled = model.predict(X, verbose=0)
    model.trainer._may_scale = lambda: [False, False]
    model.trainer._assign_parameters(1.0)
    np.testing.assert_allclose(
        model.predict(X, verbose=0), scaled, rtol=1e-3, atol=1e-4
    )


def test_weights_that_early_stopping_restores_stay():
    model = build()
    model.initialize(X, LABELS, seed=1)
    measured = []

    class Score(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["score"] = abs(epoch - 1.0)
            measured.append(model.get_weights())

    stop = keras.callbacks.EarlyStopping(
        "score", mode="min", patience=2, restore_best_weights=True
    )
    model.fit(X, LABELS, epochs=6, verbose=0, callbacks=[Score(), stop])
    assert len(measured) == 4
    for ours, best in zip(model.get_weights(), measured[1], strict=True):
        np.testing.assert_array_equal(ours, best)


def test_a_row_of_the_history_is_of_one_set_of_weights():
    """Also where a step is taken back, and those before it are kept."""
    model = build()
    model.initialize(X, LABELS, seed=1)
    seen = []

    class See(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((logs["loss"], logs["val_loss"]))

    history = model.fit(
        X,
        LABELS,
        epochs=12,
        verbose=0,
        validation_data=(X[:6], LABELS[:6]),
        callbacks=[See()],
    ).history
    rows = list(zip(history["loss"], history["val_loss"], strict=True))
    # Callbacks are told of the weights that were just measured.
    assert any(one != other for one, other in zip(rows, seen, strict=True))
    for (loss, val_loss), *_ in zip(rows, seen, strict=True):
        (pair,) = {found for found in seen if found[0] == pytest.approx(loss)}
        assert val_loss == pytest.approx(pair[1])
    found = model.evaluate(X[:6], LABELS[:6], verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(history["val_loss"][-1], rel=1e-4)


def test_a_batch_of_weight_0_changes_nothing():
    weights = np.ones(12)
    weights[4:8] = 0
    found = []
    for rows, options in (
        (slice(None), {"sample_weight": weights}),
        (weights > 0, {}),
    ):
        model = build(algorithm=HardEM(batches_per_m_step=1))
        model.initialize(X, LABELS, seed=1)
        model.fit(
            X[rows], LABELS[rows], batch_size=4, shuffle=False, verbose=0, **options
        )
        found.append(model.get_weights())
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_classes_start_from_different_rows():
    model = build()
    for seed in range(5):
        model.initialize(X, None, seed=seed)
        templates = ops.convert_to_numpy(model.templates.templates)
        cosines = np.corrcoef(templates.T)[np.triu_indices(3, 1)]
        assert cosines.max() < 0.9999


def test_factors_and_a_mean_over_places_are_refused():
    model = DRFM([Level(3, 3)], (8, 8, 1), 3, 2, pooling="mean")
    with pytest.raises(ValueError, match="build DRFM with `pooling=None`"):
        model.compile(algorithm=HardEM())


def test_batches_do_not_matter():
    weights = []
    for batch_size in (12, 5):
        model = build()
        model.initialize(X, LABELS, seed=1)
        model.fit(X, LABELS, epochs=1, batch_size=batch_size, verbose=0)
        weights.append([ops.convert_to_numpy(v) for v in model.weights])
    for ours, theirs in zip(*weights, strict=True):
        scale = max(1.0, np.abs(theirs).max())
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=5e-4)


def test_priors_are_the_sweep_s_frequencies():
    model = build()
    model.initialize(X, LABELS, seed=1)
    found = model.infer(X, LABELS)
    error = squared_error(model, LABELS)
    model.fit(X, LABELS, epochs=1, verbose=0)
    for prior, switches in zip(model.nuisance_priors, found.switches, strict=True):
        for state in range(1 + prior.positions):
            np.testing.assert_allclose(
                ops.convert_to_numpy(prior.probabilities)[state],
                (switches == state - 1).mean(axis=0),
                atol=1e-6,
            )
    counts = np.bincount(found.classes, minlength=3) + 1 / 3
    np.testing.assert_allclose(
        ops.convert_to_numpy(model.prior), counts / counts.sum(), rtol=1e-5
    )
    variance = float(ops.convert_to_numpy(model.noise_variance))
    assert variance == pytest.approx(error, rel=1e-4)


def test_jit_and_validation_learn_the_same(tmp_path):
    """Compiled steps, validation in the middle of a sweep, and a saved model."""
    eager, compiled = build(), build()
    eager.compile("sgd", algorithm=HardEM(), run_eagerly=True)
    compiled.compile("sgd", algorithm=HardEM())
    for model in (eager, compiled):
        model.initialize(X, LABELS, seed=1)
    first = eager.fit(X, LABELS, epochs=3, verbose=0).history["loss"]
    second = compiled.fit(
        X, LABELS, epochs=3, verbose=0, validation_data=(X[:4], LABELS[:4])
    ).history["loss"]
    np.testing.assert_allclose(first, second, rtol=1e-3)
    compiled.save(tmp_path / "model.keras")
    other = keras.models.load_model(tmp_path / "model.keras")
    assert other.algorithm == HardEM()
    for model in (compiled, other):
        model.fit(X, LABELS, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(
        other.predict(X, verbose=0), compiled.predict(X, verbose=0), rtol=1e-3
    )


def test_each_fit_compares_its_own_data():
    """Weights that were good for other images are not taken back to."""
    model = build_compiled(2, None, 0, HardEM())
    sweep(model, LABELS, 3, 0.1 * X)
    easy = model.trainer.best.objective
    losses = sweep(model, LABELS, 8)
    assert losses[0] > easy
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("make", "algorithm", "message"),
    [
        (
            lambda: DRMM([Level(3, 3, batch_norm=True)], (8, 8, 1), 3),
            HardEM(),
            "batch_norm=False",
        ),
        (
            lambda: DRMM([Level(3, 3)], (8, 8, 1), 3, nonnegative=False),
            SoftEM(),
            "DRMM by `HardEM",
        ),
        (lambda: DRFM([Level(3, 3)], (8, 8, 1), 3), SoftEM(), "DRFM by `HardEM"),
    ],
)
def test_what_em_does_not_take(make, algorithm, message):
    """And a model whose `compile` failed goes on as it was."""
    model = make()
    model.compile("sgd", algorithm=EG(), run_eagerly=EAGER)
    with pytest.raises(ValueError, match=message):
        model.compile("sgd", algorithm=algorithm)
    assert model.algorithm == EG()
    model.fit(X, LABELS, verbose=0)


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_soft_em_never_rises(temperature):
    model = build_compiled(2, None, 0, SoftEM(temperature))
    losses = sweep(model, LABELS, epochs=6)
    assert np.all(np.diff(losses) <= 0)
    assert losses[-1] < 0.9 * losses[0]
    assert model.evaluate(X, LABELS, verbose=0)[0] == pytest.approx(
        losses[-1], rel=1e-3
    )


def test_cold_soft_em_is_hard_em():
    """T -> 0 where no two matches tie."""
    models = [build(algorithm=HardEM()), build(algorithm=SoftEM(1e-6))]
    losses = []
    for model in models:
        model.initialize(X, LABELS, seed=1)
        losses.append(model.fit(X, LABELS, epochs=4, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)
    for hard, soft in zip(*(model.weights for model in models), strict=True):
        hard, soft = ops.convert_to_numpy(hard), ops.convert_to_numpy(soft)
        np.testing.assert_allclose(hard, soft, atol=1e-3 * max(1, np.abs(hard).max()))


def test_factors_are_fitted_with_the_class_templates():
    """The change of [μ, Λ^(2)] solves the regression of ε on (class, factors)."""
    model = build(levels=1, factors=2)
    model.initialize(X, LABELS, seed=1)
    model.noise_variance.assign(0.05)
    factors = model.factor_templates.templates
    factors.assign(0.3 * RNG.normal(size=factors.shape))
    found = model.infer(X, LABELS)
    level = model.levels[0]
    residual = X - found.reconstruction
    above = level.render.adjoint(residual, found.switches[0])
    above = np.float64(ops.convert_to_numpy(above)).reshape(len(X), -1)
    causes = np.hstack([np.eye(3)[found.classes], found.factors])
    expected, *_ = np.linalg.lstsq(causes, above, rcond=None)
    z = np.float32(above.reshape(-1, 5, 5, 3))
    moved = ops.convert_to_numpy(level.top_down(z, found.switches[0]))
    step = np.sum(above**2) / np.sum(np.float64(moved) ** 2)
    model.fit(X, LABELS, epochs=1, verbose=0)
    change = model.trainer.best.top_change
    np.testing.assert_allclose(change, step * expected.T, rtol=1e-3, atol=1e-4)


def test_a_factor_model_learns_by_hard_em():
    model = build(factors=4)
    losses = model.fit(X, LABELS, epochs=10, verbose=0).history["loss"]
    assert np.all(np.diff(losses) <= 0)
    assert losses[-1] < 0.8 * losses[0]


def test_m_steps_within_a_sweep():
    """One after all batches is a sweep's; many move the weights many times."""
    sweep, whole, many = (
        build(algorithm=algorithm)
        for algorithm in (
            HardEM(),
            HardEM(batches_per_m_step=3),
            HardEM(batches_per_m_step=1, step=0.2),
        )
    )
    for model in (sweep, whole, many):
        model.initialize(X, LABELS, seed=1)
    before = squared_error(many, LABELS)
    options = {"batch_size": 4, "shuffle": False, "verbose": 0}
    sweep.fit(X, LABELS, epochs=1, **options)
    whole.fit(X, LABELS, epochs=1, **options)
    for ours, theirs in zip(whole.weights, sweep.weights, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs), atol=1e-5
        )
    many.fit(X, LABELS, epochs=3, **options)
    assert squared_error(many, LABELS) < 0.9 * before


def test_gram_of_some_rows_stands_for_all():
    """Where the first half of a batch is the second half too, nothing changes."""
    twice, labels = np.concatenate([X, X]), np.concatenate([LABELS, LABELS])
    weights = []
    for n in (1, 2):
        model = build(algorithm=HardEM(gram_divisor=n))
        model.initialize(X, LABELS, seed=1)
        model.fit(twice, labels, batch_size=24, shuffle=False, epochs=1, verbose=0)
        weights.append([ops.convert_to_numpy(v) for v in model.weights])
    for ours, theirs in zip(*weights, strict=True):
        scale = max(1.0, np.abs(theirs).max())
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=5e-4)


def test_an_unused_template_takes_half_of_the_most_used_one():
    """Logits and images stay: matches above and rendered weights are halved twice."""
    for levels in (1, 2):
        model = build(levels=levels)
        model.initialize(X, LABELS, seed=1)
        first = model.levels[0].conv
        kernel, bias = (ops.convert_to_numpy(v).copy() for v in first.weights)
        bias[1] = -100.0
        first.bias.assign(bias)
        for level in model.levels:
            level.alpha.assign(0.1 * RNG.random(level.alpha.shape))
        before = model.infer(X, LABELS)
        assert np.all(before.switches[0][..., 1] == -1)
        model.fit(X, LABELS, epochs=1, verbose=0)
        kept = model.trainer.best.levels[0]
        used = int(np.argmax(kept.energy))
        np.testing.assert_array_equal(kept.kernel[..., 1], kept.kernel[..., used])
        assert kept.bias[1] == kept.bias[used]
        # The changes part them.
        change = kept.kernel_change[..., 1] - kept.kernel_change[..., used]
        assert np.linalg.norm(change) > 0.1 * np.linalg.norm(kernel[..., used])
        model.trainer._assign_parameters(0.0)
        after = model.infer(X, LABELS)
        assert np.any(after.switches[0][..., 1] >= 0)
        np.testing.assert_allclose(
            after.reconstruction, before.reconstruction, atol=1e-4
        )
        matches = [
            e.logits - ops.convert_to_numpy(model.templates.bias)
            for e in (before, after)
        ]
        np.testing.assert_allclose(*matches, rtol=1e-3, atol=1e-3)


def test_a_bad_step_within_a_sweep_is_taken_back():
    """Other batches may be worse by a half, no more: then the step is halved."""
    model = build(algorithm=HardEM(batches_per_m_step=1, step=0.5))
    model.initialize(X, LABELS, seed=1)
    scale = np.repeat([1.0, 2.0], 6).astype("float32")[:, None, None, None] / 2
    images = X * scale
    model.fit(images, LABELS, batch_size=6, shuffle=False, epochs=1, verbose=0)
    # The second batch is twice as bright: its error is too large to be believed.
    assert model.trainer.step == 0.25
    model.fit(X, LABELS, batch_size=6, shuffle=False, epochs=1, verbose=0)
    assert model.trainer.step == 0.5
