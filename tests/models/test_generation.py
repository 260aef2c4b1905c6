"""Priors, samples and scores of a DRMM against counts and densities."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_drmm import DRMM, EG, Level
from keras_drmm.layers.nuisance_prior import SMOOTHING, NuisancePrior

X = np.random.default_rng(0).random((8, 6, 6, 1)).astype("float32")
LABELS = np.array([0, 0, 0, 1, 2, -1, -1, -1])


def build(**options):
    keras.utils.set_random_seed(1)
    levels = [Level(3, 3, pool_size=2, batch_norm=True), Level(4, 2, padding="valid")]
    return DRMM(levels, (6, 6, 1), 3, **options)


def frequencies(switches, positions):
    """Share of each state, OFF first, at each location and channel."""
    states = np.arange(-1, positions)[:, None, None, None, None]
    return (switches == states).mean(axis=1)


def test_a_training_step_learns_the_priors():
    """The first step goes half of the way from the uniform start."""
    model = build()
    # A learning rate of 0: the E-step can be repeated.
    model.compile(keras.optimizers.SGD(0.0), algorithm=EG(entropy=0, warmup_steps=5))
    labels = ops.convert_to_tensor(LABELS)
    e_step = model.e_step(ops.convert_to_tensor(X), labels, True)
    model.learn_priors(e_step, labels)
    for prior, switches, positions in zip(
        model.nuisance_priors, e_step.switches, (4, 1), strict=True
    ):
        seen = frequencies(ops.convert_to_numpy(switches), positions)
        np.testing.assert_allclose(
            ops.convert_to_numpy(prior.probabilities),
            0.5 * seen + 0.5 / (1 + positions),
            rtol=1e-5,
        )
    residual = np.mean((X - ops.convert_to_numpy(e_step.reconstruction)) ** 2)
    variance = float(ops.convert_to_numpy(model.noise_variance))
    assert variance == pytest.approx(0.5 * (1 + residual), rel=1e-5)
    # 3, 1, 1 labels and a row more, shared by all.
    seen = (np.array([3, 1, 1]) + 1 / 3) / 6
    np.testing.assert_allclose(
        ops.convert_to_numpy(model.prior), 0.5 * seen + 0.5 / 3, rtol=1e-5
    )


def test_fit_learns_priors_that_predict_its_data():
    """Frequencies are the most likely priors: the score rises over the uniform ones."""
    model = build()
    model.compile(keras.optimizers.SGD(0.0), algorithm=EG())
    # Inference shall normalise as training does, and so infer the same switches.
    model.levels[0].batch_norm.momentum = 0.5
    model.fit(X, LABELS, epochs=60, verbose=0)
    learned = model.max_sum_score(X)
    for prior in model.nuisance_priors:
        uniform = np.full(prior.probabilities.shape, 1 / prior.probabilities.shape[0])
        prior.probabilities.assign(uniform)
    assert learned.mean() > model.max_sum_score(X).mean() + 10


def test_unlabelled_batches_leave_the_class_prior():
    model = build()
    model.templates.prior.assign([0.2, 0.5, 0.3])
    model.compile(keras.optimizers.SGD(0.0), algorithm=EG(cross_entropy=0))
    model.fit(X, np.full(8, -1), verbose=0)
    np.testing.assert_allclose(ops.convert_to_numpy(model.prior), [0.2, 0.5, 0.3])


@pytest.mark.smoke
def test_score_is_the_log_density_of_the_inferred_configuration():
    model = build()
    rng = np.random.default_rng(1)
    model.noise_variance.assign(0.07)
    model.templates.prior.assign([0.2, 0.5, 0.3])
    for prior in model.nuisance_priors:
        shape = prior.probabilities.shape
        p = rng.dirichlet(np.ones(shape[0]), shape[1:])
        prior.probabilities.assign(np.moveaxis(p, -1, 0))
    found = model.infer(X)
    expected = stats.norm(found.reconstruction, np.sqrt(0.07)).logpdf(X)
    expected = expected.sum(axis=(1, 2, 3))
    expected += np.log(np.array([0.2, 0.5, 0.3])[found.classes])
    for prior, switches in zip(model.nuisance_priors, found.switches, strict=True):
        p = ops.convert_to_numpy(prior.probabilities)
        for n, *place in np.ndindex(switches.shape):
            state = switches[(n, *place)] + 1
            expected[n] += np.log(p[(state, *place)])
    np.testing.assert_allclose(
        model.max_sum_score(X, batch_size=3), expected, rtol=1e-4, atol=1e-2
    )


@pytest.mark.smoke
def test_prior_splits_into_switch_and_position():
    """p(g) = π_a π_t(t) if ON, 1 - π_a if OFF."""
    prior = NuisancePrior(4)
    prior.build((None, 2, 3, 2))
    p = np.random.default_rng(0).dirichlet(np.ones(5), (2, 3, 2))
    prior.probabilities.assign(np.moveaxis(p, -1, 0))
    np.testing.assert_allclose(prior.on, 1 - p[..., 0], rtol=1e-4)
    joint = prior.on * prior.position
    np.testing.assert_allclose(joint, np.moveaxis(p[..., 1:], -1, 0), atol=1e-5)
    np.testing.assert_allclose(prior.position.sum(axis=0), 1, rtol=1e-6)


@pytest.mark.smoke
def test_switches_are_drawn_from_their_prior():
    prior = NuisancePrior(4)
    prior.build((None, 2, 3, 2))
    p = np.random.default_rng(0).dirichlet(np.ones(5), (2, 3, 2))
    p[0, 0, 0] = [0, 1, 0, 0, 0]
    prior.probabilities.assign(np.moveaxis(p, -1, 0))
    n = 20_000
    drawn = prior.sample(n, np.random.default_rng(1))
    assert drawn.dtype == np.int8
    seen = frequencies(drawn, 4)
    # Four and a half standard errors of a share.
    assert np.abs(seen - np.moveaxis(p, -1, 0)).max() < 4.5 * 0.5 / np.sqrt(n)
    # A switch that was never seen stays possible.
    never = np.full((1, 2, 3, 2), 3, "int8")
    assert np.isfinite(prior.log_prob(never)[0])
    assert prior.log_prob(never)[0] < np.log(10 * SMOOTHING)


def test_samples_render_classes_with_noise():
    model = build()
    model.noise_variance.assign(0.04)
    model.templates.prior.assign([0.0, 1.0, 0.0])
    images, classes = model.sample(500, seed=3)
    assert np.all(classes == 1)
    same, _ = model.sample(500, seed=3)
    np.testing.assert_array_equal(images, same)
    model.noise_variance.assign(0.0)
    clean, _ = model.sample(500, seed=3)
    # Without noise they are what the model renders: its own switches explain them.
    noise = images - clean
    assert stats.kstest(noise.ravel() / 0.2, "norm").pvalue > 0.001
    clean, _ = model.sample(500, np.ones(500, int), seed=3)
    switches = model.sample_switches(500, seed=3)
    expected = model.render(np.ones(500, int), switches)
    np.testing.assert_allclose(clean, expected, rtol=1e-5, atol=1e-6)


def test_samples_follow_keras_seed():
    model = build()
    drawn = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        drawn.append(model.sample(4)[0])
    np.testing.assert_array_equal(*drawn)
    assert np.any(model.sample(4)[0] != drawn[0])


def test_sample_refuses_wrong_classes():
    with pytest.raises(ValueError, match="one integer for each of the 3"):
        build().sample(3, classes=[0, 1])
    with pytest.raises(ValueError, match="-1"):
        build().sample(2, classes=[0, -1])


@pytest.mark.smoke
def test_free_parameters_by_hand():
    """6x6 pixels, 3x3x3 units with 8 nuisances, 2x2x4 units with 2, 3 classes."""
    counts = build().count_free_parameters()
    assert counts.deep == 8 * 36 * 27 + 2 * 27 * 16 + 3 * 16
    assert counts.shallow == 36 * 3 * 8 * 2


def test_priors_are_saved(tmp_path):
    model = build(nonnegative=False, alternations=2)
    model.compile("sgd", algorithm=EG())
    model.fit(X, LABELS, epochs=3, verbose=0)
    model.save(tmp_path / "model.keras")
    other = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(other.max_sum_score(X), model.max_sum_score(X))
    ours, theirs = (m.sample(2, seed=1)[0] for m in (model, other))
    np.testing.assert_array_equal(ours, theirs)


def test_a_signed_model_has_no_stock_convnet():
    with pytest.raises(ValueError, match="signed"):
        build(nonnegative=False).to_convnet()


@pytest.mark.parametrize("n", [0, -1, 2.5])
def test_a_number_of_samples_is_a_positive_integer(n):
    for draw in (build().sample, build().sample_switches):
        with pytest.raises(ValueError, match="`n` must be an integer of at least 1"):
            draw(n)


def test_render_names_what_switches_it_takes():
    model = build()
    switches = model.sample_switches(2, seed=0)
    for wrong in (switches[:1], [s[:, :1] for s in switches], [], switches[::-1]):
        with pytest.raises(ValueError, match="Take those that `infer`"):
            model.render([0, 1], wrong)
