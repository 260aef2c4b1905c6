"""The factor models against the linear Gaussian model that their switches leave."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_drmm import DRFM, EG, RFM, Level

RNG = np.random.default_rng(0)
X = RNG.random((5, 7, 7, 1)).astype("float32")
FACTORS = 4


def build(kind="deep", **options):
    """A model with random weights; pooling divides none of its sizes."""
    keras.utils.set_random_seed(1)
    options = {"num_factors": FACTORS} | options
    if kind == "deep":
        levels = [
            Level(3, 3, padding="full", pool_size=2),
            Level(4, 3, padding="same", batch_norm=True, pool_size=2),
        ]
        model = DRFM(levels, (7, 7, 1), 3, **options)
    else:
        model = RFM(Level(5, 3, padding="valid", pool_size=2), (7, 7, 1), 3, **options)
    rng = np.random.default_rng(2)
    for variable in model.trainable_variables:
        variable.assign(0.5 * rng.normal(size=variable.shape))
    model.noise_variance.assign(0.3)
    return model


def linear_model(model, e_step, n):
    """(A, mean) of I = A z + mean + noise for image n, column by column."""
    switches = [s[n : n + 1].repeat(FACTORS + 1, axis=0) for s in e_step.switches]
    classes = e_step.classes[n].repeat(FACTORS + 1)
    units = np.concatenate([np.zeros((1, FACTORS)), np.eye(FACTORS)])
    mean, *columns = model.render(classes, switches, units).reshape(FACTORS + 1, -1)
    return np.float64(np.stack(columns, axis=1) - mean[:, None]), np.float64(mean)


@pytest.mark.smoke
@pytest.mark.parametrize("kind", ["deep", "shallow"])
def test_factors_are_the_posterior_mean(kind):
    """Against the dense formula of probabilistic PCA, and SciPy's joint Gaussian."""
    model = build(kind)
    found = model.infer(X)
    for n in range(len(X)):
        a, mean = linear_model(model, found, n)
        residual = X[n].ravel() - mean
        expected = np.linalg.solve(a.T @ a + 0.3 * np.eye(FACTORS), a.T @ residual)
        np.testing.assert_allclose(found.factors[n], expected, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(
            found.reconstruction[n].ravel(), a @ expected + mean, rtol=1e-3, atol=1e-4
        )

        # Of ln p(I, z), nothing near is larger.
        def log_joint(z, a=a, mean=mean, n=n):
            noise = stats.norm(a @ z + mean, np.sqrt(0.3))
            return noise.logpdf(X[n].ravel()).sum() + stats.norm.logpdf(z).sum()

        best = log_joint(found.factors[n])
        for direction in RNG.normal(size=(10, FACTORS)):
            assert best >= log_joint(found.factors[n] + 0.1 * direction)


def test_score_is_the_joint_density():
    model = build()
    found = model.infer(X)
    score = model.max_sum_score(X)
    for n in range(len(X)):
        noise = stats.norm(found.reconstruction[n], np.sqrt(0.3))
        expected = noise.logpdf(X[n]).sum() + np.log(1 / 3)
        expected += stats.norm.logpdf(found.factors[n]).sum()
        # Uniform priors: 1 + 4 states in each cell of both levels.
        expected -= sum(s[n].size for s in found.switches) * np.log(5)
        assert score[n] == pytest.approx(expected, rel=1e-4)


def test_factors_explain_more_than_class_templates():
    """With its factors an image is rendered better than without, for every image."""
    model = build("shallow")
    found = model.infer(X)
    without = model.render(found.classes, found.switches)
    squares = np.square(X - found.reconstruction).sum(axis=(1, 2, 3))
    assert np.all(squares < np.square(X - without).sum(axis=(1, 2, 3)))


@pytest.mark.once
def test_a_solver_needs_no_steps_any_more():
    """The keyword of older code, and of files saved by it, changes nothing."""
    exact = build()
    with pytest.warns(DeprecationWarning, match="`DRFM.*solver_steps.*are exact"):
        older = DRFM.from_config({**exact.get_config(), "solver_steps": 1})
    assert older.get_config() == exact.get_config()


def test_samples_have_the_model_s_moments():
    """Given switches: mean and covariance A Aᵀ + σ² 1, by Monte Carlo."""
    model = build("shallow")
    found = model.infer(X[:1])
    a, mean = linear_model(model, found, 0)
    n = 20_000
    # One choice of switches only.
    (prior,) = model.nuisance_priors
    states = np.arange(5)[:, None, None, None]
    prior.probabilities.assign((found.switches[0] + 1 == states).astype("float32"))
    images, classes = model.sample(n, found.classes.repeat(n), seed=0)
    assert np.all(classes == found.classes[0])
    flat = images.reshape(n, -1)
    covariance = a @ a.T + 0.3 * np.eye(49)
    # Four standard errors of each estimate.
    spread = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(flat.mean(0) - mean) < 4.5 * spread / np.sqrt(n))
    error = np.abs(np.cov(flat.T) - covariance) / np.outer(spread, spread)
    assert error.max() < 4.5 * np.sqrt(2 / n)


@pytest.mark.parametrize("kind", ["deep", "shallow"])
def test_learns_loadings_by_eg_and_survives_saving(kind, tmp_path):
    model = build(kind)
    model.compile(keras.optimizers.Adam(0.01), algorithm=EG(nonnegativity=0))
    labels = np.array([0, 1, 2, -1, -1])
    before = ops.convert_to_numpy(model.factor_templates.templates).copy()
    history = model.fit(X, labels, epochs=30, verbose=0).history["reconstruction"]
    assert history[-1] < 0.7 * history[0]
    after = ops.convert_to_numpy(model.factor_templates.templates)
    assert np.abs(after - before).max() > 0.01
    model.save(tmp_path / "model.keras")
    other = keras.models.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(model.infer(X), other.infer(X), strict=True):
        keras.tree.map_structure(np.testing.assert_array_equal, ours, theirs)


def test_refuses_top_down_normalisation():
    with pytest.raises(ValueError, match="renders linearly"):
        RFM(Level(5, 3, top_down_batch_norm=True), (7, 7, 1), 3)


def test_refuses_factors_of_another_size():
    model = build("shallow")
    switches = model.sample_switches(2, seed=0)
    with pytest.raises(ValueError, match=r"`factors` must be \(2, 4\)"):
        model.render([0, 1], switches, np.zeros((2, 3)))
