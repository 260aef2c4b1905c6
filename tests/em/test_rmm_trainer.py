"""Soft and hard EM: against EM by hand, its guarantees, and what `fit` takes."""

import doctest
import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy.optimize import linear_sum_assignment
from scipy.special import logsumexp

import keras_drmm
from keras_drmm import EG
from keras_drmm.em.hard_em import HardEM
from keras_drmm.em.soft_em import SoftEM
from keras_drmm.models.natural_parameters import NaturalParameters
from keras_drmm.models.rendering_model import RenderingModel
from keras_drmm.models.rmm import RMM
from tests.em.test_drmm_trainer import EXAMPLES

SHAPE = (3, 3, 1)
ALGORITHMS = {"soft": SoftEM(), "tempered": SoftEM(0.3), "hard": HardEM()}


def make_data(rows=60, seed=0, noise=0.1, classes=3, nuisances=2, shape=SHAPE):
    """Images of random templates, their classes, a third of them as labels."""
    rng = np.random.default_rng(seed)
    templates = rng.random((classes, nuisances, *shape)).astype("float32")
    c, g = rng.integers(0, classes, rows), rng.integers(0, nuisances, rows)
    x = templates[c, g] + noise * rng.normal(size=(rows, *shape))
    y = np.where(np.arange(rows) % 3 == 0, c, -1)
    return x.astype("float32"), y, templates


X, Y, _ = make_data()
# Models are used again: compiling takes longer than learning.
MODELS: dict[tuple, tuple] = {}


def build(algorithm, copy=0, initialize=True, shape=SHAPE, switch=True):
    """An RMM as it was made, initialized from X; equal ones need another `copy`."""
    key = algorithm, copy, shape, switch
    if key not in MODELS:
        model = RMM(shape, 3, 2, switch, pixel_range=(-9, 9))
        model.compile("sgd", algorithm=algorithm)
        MODELS[key] = model, model.get_weights()
    model, weights = MODELS[key]
    model.set_weights(weights)
    if initialize:
        model.initialize(X, Y, seed=0)
    return model


def parameters(model):
    """θ by name: no weight holds the statistics of a sweep."""
    return {v.path.split("/", 1)[-1]: ops.convert_to_numpy(v) for v in model.weights}


def assert_same(model, other, **tolerance):
    ours, theirs = parameters(model), parameters(other)
    for (name, value), desired in zip(ours.items(), theirs.values(), strict=True):
        np.testing.assert_allclose(value, desired, err_msg=name, **tolerance)


def sweep_by_hand(theta, x, labels, temperature):
    """One EM iteration of the RMM with a switch in NumPy, (1) and (12)."""
    mu, pi_c, pi_g, pi_a, variance = theta
    rows, pixels = len(x), x[0].size
    flat = x.reshape(rows, 1, 1, 1, pixels).astype("float64")
    means = np.stack([mu, np.zeros_like(mu)], axis=2)
    squares = np.square(flat - means).sum(axis=-1)
    scores = -0.5 * (squares / variance + pixels * np.log(2 * np.pi * variance))
    scores += np.log(pi_c)[:, None, None] + np.log(pi_g)[:, None]
    scores += np.log([pi_a, 1 - pi_a])
    for c in range(len(pi_c)):
        scores[(labels >= 0) & (labels != c), c] = -np.inf
    scores = scores.reshape(rows, -1)
    if temperature == 0:
        objective = scores.max(axis=1)
        shares = np.eye(scores.shape[1])[scores.argmax(axis=1)]
    else:
        objective = temperature * logsumexp(scores / temperature, axis=1)
        shares = np.exp((scores - objective[:, None]) / temperature)
    shares = shares.reshape(squares.shape)
    on = shares[..., 0]
    mu = np.einsum("ncg,nd->cgd", on, x.reshape(rows, -1)) / on.sum(axis=0)[..., None]
    means = np.stack([mu, np.zeros_like(mu)], axis=2)
    variance = (shares * np.square(flat - means).sum(axis=-1)).sum() / (rows * pixels)
    shares = shares.mean(axis=0)
    theta = (
        mu,
        shares.sum(axis=(1, 2)),
        shares.sum(axis=(0, 2)),
        shares[..., 0].sum(),
        variance,
    )
    return theta, -objective.mean()


@pytest.mark.smoke
@pytest.mark.parametrize("name", ALGORITHMS)
def test_sweeps_equal_those_by_hand(name):
    algorithm = ALGORITHMS[name]
    model = build(algorithm)
    names = "templates", "class_prior", "nuisance_prior", "switch_prior"
    start = parameters(model)
    theta = (*(start[n].astype("float64") for n in names), start["noise_variance"])
    theta = (theta[0].reshape(3, 2, 9), *theta[1:])
    losses = model.fit(X, Y, batch_size=20, epochs=4, verbose=0).history["loss"]
    for loss in losses:
        temperature = getattr(algorithm, "temperature", 0)
        theta, expected = sweep_by_hand(theta, X, Y, temperature)
        assert loss == pytest.approx(expected, rel=1e-5)
    found = parameters(model)
    for key, value in zip((*names, "noise_variance"), theta, strict=True):
        desired = np.reshape(value, found[key].shape)
        if key == "switch_prior" and name == "hard":
            # No row is OFF: the probability is floored.
            desired = 1 - 1e-6
        np.testing.assert_allclose(found[key], desired, rtol=1e-4, atol=1e-6)


def test_likelihood_equals_scikit_learn_s():
    """A mixture of spherical Gaussians of one variance, a = 1, a template a class."""
    mixture = pytest.importorskip("sklearn.mixture").GaussianMixture
    model = RMM(SHAPE, 4, 1, switch=False, pixel_range=(-9, 9))
    model.compile("sgd", algorithm=SoftEM())
    model.fit(X, batch_size=60, epochs=5, verbose=0)
    theta = parameters(model)
    variance = float(theta["noise_variance"])
    reference = mixture(4, covariance_type="spherical")
    reference.means_ = theta["templates"].reshape(4, 9).astype("float64")
    reference.weights_ = theta["class_prior"].astype("float64")
    reference.covariances_ = np.full(4, variance)
    reference.precisions_cholesky_ = np.full(4, variance**-0.5)
    flat = X.reshape(60, 9).astype("float64")
    expected = reference.score_samples(flat)
    np.testing.assert_allclose(model.log_prob(X), expected, rtol=1e-6, atol=1e-5)
    assert model.log_prob(X).mean() == pytest.approx(expected.mean(), rel=1e-6)
    np.testing.assert_allclose(
        model.responsibilities(X)[:, :, 0, 0], reference.predict_proba(flat), atol=1e-5
    )


@pytest.mark.parametrize("name", ["soft", "hard"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_recovers_the_templates_that_made_the_data(name, seed):
    """Unsupervised: each true template is found within 5 %, and σ too."""
    x, _, templates = make_data(600, seed, noise=0.08, shape=(4, 4, 1))
    algorithm, shape = ALGORITHMS[name], (4, 4, 1)
    model = build(algorithm, initialize=False, shape=shape, switch=False)
    model.initialize(x, seed=seed)
    model.fit(x, epochs=15, batch_size=600, verbose=0)
    found = parameters(model)["templates"].reshape(6, -1)
    true = templates.reshape(6, -1)
    errors = np.linalg.norm(true[:, None] - found, axis=2) / np.linalg.norm(
        true, axis=1, keepdims=True
    )
    assert errors[linear_sum_assignment(errors)].max() < 0.05
    deviation = parameters(model)["noise_variance"] ** 0.5
    assert deviation == pytest.approx(0.08, rel=0.05)


@pytest.mark.parametrize("name", ALGORITHMS)
@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["blobs", "noise", "few"]))
def test_objective_never_rises(name, seed, kind):
    """Random data, partly labelled, with clusters, without, and of equal rows."""
    rng = np.random.default_rng(seed)
    if kind == "blobs":
        x = make_data(24, seed, noise=rng.uniform(0.01, 0.5))[0]
    elif kind == "noise":
        x = rng.random((24, *SHAPE)).astype("float32")
    else:
        x = (rng.integers(0, 2, (24, 1, 1, 1)) * np.ones(SHAPE)).astype("float32")
    y = rng.integers(-1, 3, 24)
    # The sweeps of `fit`, in eager mode: tracing takes longer than all else.
    model = build(HardEM(), initialize=False)
    model.initialize(x, y, seed=seed)
    trainer = ALGORITHMS[name].bind(model)
    losses = []
    for _ in range(5):
        e_step = trainer.e_step(x, y)
        losses.append(-float(ops.mean(e_step.evidence)))
        trainer.accumulate(e_step.statistics)
        trainer.m_step()
    rises = np.diff(losses) / np.maximum(1, np.abs(losses[:-1]))
    # float32, and probabilities of 0 that are floored.
    assert rises.max() < 2e-5
    assert all(np.isfinite(value).all() for value in parameters(model).values())


@pytest.mark.parametrize("name", ["soft", "hard"])
def test_batches_do_not_matter(name):
    one, many = build(ALGORITHMS[name]), build(ALGORITHMS[name], copy=1)
    whole = one.fit(X, Y, batch_size=60, epochs=3, verbose=0).history["loss"]
    parts = many.fit(X, Y, batch_size=25, epochs=3, verbose=0).history["loss"]
    assert parts == pytest.approx(whole, rel=1e-5)
    assert_same(one, many, rtol=1e-5, atol=1e-5)


def test_hard_em_is_the_limit_of_low_temperature():
    cold, hard = build(SoftEM(1e-3)), build(HardEM())
    losses = [
        m.fit(X, Y, batch_size=20, epochs=4, verbose=0).history["loss"]
        for m in (cold, hard)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert_same(cold, hard, rtol=1e-4, atol=1e-4)


@pytest.mark.smoke
def test_many_rows_keep_float32_exact():
    """50,000 rows, far from 0: σ² and means to 1e-4 and 1e-6 of float64's."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(50_000, *SHAPE))
    x = (5 + 0.01 * noise).astype("float32")
    model = RMM(SHAPE, 2, 1, switch=False, pixel_range=(-9, 9))
    model.compile("sgd", algorithm=HardEM())
    model.initialize(x[:100], seed=0)
    y = np.arange(50_000) % 2
    model.fit(x, y, batch_size=500, epochs=3, verbose=0)
    parts = [x[y == c].astype("float64") for c in range(2)]
    means = np.stack([part.mean(axis=0) for part in parts])
    squares = [np.square(p - m).sum() for p, m in zip(parts, means, strict=True)]
    found = parameters(model)
    np.testing.assert_allclose(found["templates"][:, 0], means, rtol=1e-6)
    variance = sum(squares) / x.size
    assert found["noise_variance"] == pytest.approx(variance, rel=1e-4)


@pytest.mark.parametrize("lost", [(2, 1), (2,)], ids=["template", "class"])
def test_unused_templates_move_to_where_they_are_of_use(lost):
    """What is far from all data comes back, one template of a class a sweep."""
    shape = (8, 8, 1)
    x, _, templates = make_data(200, 4, noise=0.05, shape=shape)
    model = build(HardEM(), initialize=False, shape=shape, switch=False)
    model.initialize(x, seed=0)
    templates[lost] = 8
    model.templates.assign(templates)
    losses = model.fit(x, epochs=15, batch_size=50, verbose=0).history["loss"]
    assert np.diff(losses).max() < 1e-4
    assert (model.responsibilities(x, hard=True).sum(axis=(0, 3)) > 0).all()


def test_variance_has_a_floor():
    x = np.zeros((10, *SHAPE), "float32")
    model = RMM(SHAPE, 2, 1, variance_floor=0.01)
    model.compile("sgd", algorithm=SoftEM())
    model.fit(x, epochs=3, verbose=0)
    assert parameters(model)["noise_variance"] == pytest.approx(0.01)


def test_validation_and_callbacks_see_the_measured_weights():
    """The weights at the end of an epoch, for callbacks, are those of its logs."""
    model = build(SoftEM())

    class Recorder(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((logs["loss"], -self.model.log_prob(X).mean()))

    seen = []
    history = model.fit(
        X,
        epochs=4,
        batch_size=20,
        validation_data=(X, None),
        callbacks=[Recorder()],
        verbose=0,
    ).history
    for loss, measured in seen:
        assert loss == pytest.approx(measured, rel=1e-5)
    # Validation adds nothing to the statistics, and has the same objective.
    assert history["val_loss"] == pytest.approx(history["loss"], rel=1e-5)
    assert history["loss"][3] < history["loss"][0]


def test_early_stopping_restores_what_it_measured():
    model = build(SoftEM())
    stop = keras.callbacks.EarlyStopping(
        "val_loss", min_delta=1e9, patience=2, restore_best_weights=True
    )
    before = parameters(model)
    history = model.fit(
        X, Y, 20, epochs=9, validation_data=(X, Y), callbacks=stop, verbose=0
    )
    assert len(history.epoch) == 3
    for name, value in parameters(model).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(index * 20, index * 20 + 20)
        return X[rows], Y[rows]


def tf_data():
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(20)


@pytest.mark.parametrize("make", [Batches, tf_data])
def test_data_sets_give_the_sweeps_of_arrays(make):
    arrays, other = (build(SoftEM(), copy, initialize=False) for copy in range(2))
    for model, data in ((arrays, (X, Y)), (other, (make(),))):
        # `fit` initializes a model that was not.
        keras.utils.set_random_seed(5)
        model.fit(
            *data, epochs=3, batch_size=20 if model is arrays else None, verbose=0
        )
        assert model.initialized
    assert_same(arrays, other, rtol=1e-4, atol=1e-5)


def test_a_generator_needs_an_initialized_model():
    batches = ((X[i : i + 20], Y[i : i + 20]) for i in (0, 20, 40))
    with pytest.raises(ValueError, match=r"call `model.initialize"):
        build(SoftEM(), initialize=False).fit(batches, verbose=0)
    model, arrays = build(SoftEM()), build(SoftEM(), copy=1)
    model.fit(batches, steps_per_epoch=3, verbose=0)
    arrays.fit(X, Y, batch_size=20, verbose=0)
    assert_same(model, arrays, rtol=1e-4, atol=1e-5)


def test_frozen_templates_alone_are_refused():
    model = build(SoftEM())
    model.templates.trainable = False
    with pytest.raises(ValueError, match="templates' is False: set that of its layer"):
        model.fit(X, Y, verbose=0)
    model.templates.trainable = True


def test_validation_split_is_not_seen():
    model = build(HardEM(), initialize=False)
    x = X.copy()
    x[48:] = 7
    model.fit(x, Y, batch_size=16, validation_split=0.2, epochs=3, verbose=0)
    assert np.abs(parameters(model)["templates"]).max() < 3


def test_resumes_with_the_same_sweep(tmp_path):
    model = build(SoftEM())
    model.fit(X, Y, batch_size=20, epochs=2, verbose=0)
    model.save(tmp_path / "rmm.keras")
    other = keras.models.load_model(tmp_path / "rmm.keras")
    losses = [
        m.fit(X, Y, batch_size=20, epochs=2, verbose=0).history["loss"]
        for m in (model, other)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert_same(model, other, rtol=1e-6, atol=1e-6)


def test_an_interrupted_sweep_is_forgotten():
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    model, other = build(SoftEM()), build(SoftEM(), copy=1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=20, callbacks=[Interrupt()], verbose=0)
    assert_same(model, other)
    for m in (model, other):
        m.fit(X, Y, batch_size=20, verbose=0)
    assert_same(model, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batches", [None, 2])
def test_m_steps_go_part_of_the_way(batches):
    """θ + s (θ' - θ) for the closed form θ', after the sweep or each two batches."""
    algorithm = SoftEM(step=0.3, batches_per_m_step=batches)
    model, other = build(algorithm), build(SoftEM(), copy=1)
    model.fit(X, Y, batch_size=20, shuffle=False, verbose=0)
    for rows in (slice(0, 60),) if batches is None else (slice(0, 40), slice(40, 60)):
        before = other.get_weights()
        other.fit(X[rows], Y[rows], shuffle=False, verbose=0)
        after = other.get_weights()
        other.set_weights(
            [
                b + 0.3 * (a - b) if np.issubdtype(a.dtype, np.floating) else a
                for a, b in zip(after, before, strict=True)
            ]
        )
    assert_same(model, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step": 0}, "`step` must be a finite number above 0 and of at most 1"),
        ({"step": 1.5}, "`step` must be a finite number above 0 and of at most 1"),
        ({"step": "1"}, "`step` must be a finite number above 0 and of at most 1"),
        ({"batches_per_m_step": 0}, "`batches_per_m_step` must be an integer"),
        ({"gram_divisor": 0.5}, "`gram_divisor` must be an integer"),
    ],
)
def test_wrong_settings(arguments, message):
    for algorithm in (HardEM, SoftEM):
        with pytest.raises(ValueError, match=message):
            algorithm(**arguments)


def test_a_later_nan_stops_with_the_last_good_weights():
    """Of a data set the first batch is checked before; the steps see the others."""

    class Bad(Batches):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return np.where(index == 2, np.nan, x).astype("float32"), y

    model = build(SoftEM())
    model.fit(X, Y, batch_size=20, epochs=2, verbose=0)
    before = parameters(model)
    with pytest.raises(ValueError, match=r"In epoch 1: .* NaN or infinite"):
        model.fit(Bad(), verbose=0)
    for name, value in parameters(model).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    assert np.isfinite(model.fit(X, Y, batch_size=20, verbose=0).history["loss"][0])


BAD = {
    "NaN": (np.where(X > 0.8, np.nan, X), Y, "NaN or infinite"),
    "unscaled": (X * 255, Y, "Scale the images"),
    "label too large": (X, np.where(Y == 2, 3, Y), "must be -1"),
    "float labels": (X, Y.astype("float32"), "must be integers"),
}


@pytest.mark.smoke
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_and_nothing_changes(name):
    x, y, message = BAD[name]
    model = build(SoftEM(), initialize=False)
    before = parameters(model)
    for method in (model.fit, model.initialize):
        with pytest.raises(ValueError, match=message):
            method(x, y)
    assert not model.initialized
    for key, value in parameters(model).items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)


def test_no_gradients_and_no_graph(backend):
    """EM leaves the optimizer alone, and on PyTorch no gradient behind."""
    model = build(HardEM())
    model.fit(X, Y, batch_size=20, verbose=0)
    assert int(model.optimizer.iterations) == 0
    if backend == "torch":
        for variable in model.weights:
            assert variable.value.grad is None
            assert variable.value.grad_fn is None


def test_from_em_to_gradients_and_back():
    model = RMM(SHAPE, 3, 2, pixel_range=(-9, 9))
    model.compile("sgd", algorithm=SoftEM())
    model.fit(X, Y, batch_size=20, epochs=2, verbose=0)
    model.compile("sgd", algorithm=EG(reconstruction=1.0))
    model.fit(X, Y, batch_size=20, verbose=0)
    model.compile("sgd", algorithm=HardEM())
    losses = model.fit(X, Y, batch_size=20, epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[0] + 1e-5


def test_a_model_without_closed_forms_says_so():
    with pytest.raises(ValueError, match="no closed-form M-step"):
        RenderingModel((4, 4, 1), (0.0, 1.0)).compile(algorithm=HardEM())


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_bad_temperature(temperature):
    with pytest.raises(ValueError, match="`temperature` must be"):
        SoftEM(temperature)


@pytest.mark.parametrize("thing", [RMM, NaturalParameters, HardEM, SoftEM])
def test_examples_are_true(thing):
    names = {"np": np, "keras_drmm": keras_drmm, "RMM": RMM, "SoftEM": SoftEM}
    names |= {"HardEM": HardEM, "NaturalParameters": NaturalParameters}
    (test,) = doctest.DocTestFinder(recurse=False).find(thing, "thing", globs=names)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0
