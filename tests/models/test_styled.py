"""What a DRMM does with a prior of its switches: learning, samples, styles, scores."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import integrate, stats

from keras_drmm import DRFM, DRMM, EG, Level, data
from keras_drmm.models import styled

# Bars, upright or flat, at one of four places: class and place are all there is.
RANDOM = np.random.default_rng(0)
Y = (np.arange(120) % 2).astype("int32")
X = np.full((120, 8, 8, 1), 0.1, "float32")
for image, label, place in zip(X, Y, RANDOM.integers(1, 7, 120), strict=True):
    image[(slice(None), place) if label else (place, slice(None))] = 0.9


def build(kind=DRMM, **options):
    keras.utils.set_random_seed(1)
    levels = [Level(4, 3, pool_size=2), Level(3, 2, padding="valid")]
    return kind(levels, (8, 8, 1), 2, **options)


@pytest.fixture(scope="module")
def learned():
    """A model, its weights from before `fit_prior`, and the history of that."""
    model = build()
    model.compile(keras.optimizers.Adam(0.01), algorithm=EG())
    model.fit(X, Y, epochs=4, verbose=0)
    before = model.get_weights()
    history = model.fit_prior(
        X,
        Y,
        style_size=2,
        width=8,
        components=1,
        beta=0.2,
        learning_rate=0.02,
        epochs=12,
        batch_size=20,
        verbose=0,
    )
    return model, before, history.history


def test_weights_of_the_model_stay(learned):
    model, before, history = learned
    # Its own weights come before those of the prior.
    own = list(model.get_weights())
    ids = {v.tobytes() for v in own}
    assert all(v.tobytes() in ids for v in before)
    assert history["switches"][-1] < history["switches"][0]
    # Styles say something: they have not collapsed to their prior.
    assert history["style_kl"][-1] > 0.5


@pytest.mark.smoke
def test_the_bound_is_none_above_the_joint_density(monkeypatch):
    """ln p(I, ĉ, ĝ) by quadrature over a style of one value."""
    model = build()
    model.noise_variance.assign(0.05)
    config = {"style_size": 1, "width": 4, "components": 2, "beta": 3.0}
    prior, encoder = styled.build_switch_prior(model, config)
    random = np.random.default_rng(4)
    for head in prior.heads:
        head.kernel.assign(0.5 * random.normal(size=head.kernel.shape))
    prior.styles.shares.assign([[0.3, 0.7], [0.5, 0.5]])
    prior.styles.means.assign(random.normal(size=(2, 2, 1)))
    prior.styles.covariances.assign(np.full((2, 2, 1, 1), 0.4))
    model.set_switch_prior(config, prior, encoder)
    monkeypatch.setattr(styled, "DRAWS", 300)
    x = X[:4]
    bounds = model.score_samples(x, bound=True)
    e_step = model.infer(x)
    switches = [ops.convert_to_tensor(s) for s in e_step.switches]
    residual = np.square(x - e_step.reconstruction).sum(axis=(1, 2, 3))
    pixels = -0.5 * (64 * np.log(2 * np.pi * 0.05) + residual / 0.05)
    grid = np.linspace(-8, 8, 801)
    log_p = np.empty((len(grid), 4))
    shares = np.array([[0.3, 0.7], [0.5, 0.5]])
    means = ops.convert_to_numpy(prior.styles.means)[..., 0]
    for row, u in zip(log_p, grid, strict=True):
        odds = prior(np.full((4, 1), u, "float32"), model.independent_log_odds())
        row[:] = ops.convert_to_numpy(prior.log_prob(switches, odds))
    for n, c in enumerate(e_step.classes):
        density = stats.norm(means[c], np.sqrt(0.4)).pdf(grid[:, None]) @ shares[c]
        top = log_p[:, n].max()
        integral = integrate.simpson(np.exp(log_p[:, n] - top) * density, x=grid)
        exact = pixels[n] + np.log(model.prior[c]) + top + np.log(integral)
        assert bounds[n] < exact
        # And it is not far below: an encoder that knows nothing loses some nats.
        assert bounds[n] > exact - 60


def test_samples_come_from_the_prior(learned):
    model, _, _ = learned
    images, _ = model.sample(40, np.arange(40) % 2, seed=0, noise=False)
    # What is rendered is what the switches say, and the class is seen in it.
    again, _ = model.sample(40, np.arange(40) % 2, seed=0, noise=False)
    np.testing.assert_array_equal(images, again)
    switches = model.sample_switches(30, seed=1, classes=np.zeros(30, int))
    assert [s.shape for s in switches] == [(30, 4, 4, 4), (30, 3, 3, 3)]
    drawn = model.sample_switches(3, seed=1, style_only=False)
    assert all(s.min() >= -1 for s in drawn)


def test_render_takes_a_style_in_place_of_switches(learned):
    model, _, _ = learned
    style = model.style(X[:5], Y[:5])
    assert style.shape == (5, 2)
    odds = model.switch_prior(style, model.independent_log_odds())
    switches = [ops.convert_to_numpy(s) for s in model.switch_prior.mode(odds)]
    np.testing.assert_allclose(
        model.render(Y[:5], style=style), model.render(Y[:5], switches), atol=1e-6
    )


def test_transfer_renders_the_styles_that_are_transported(learned):
    model, _, _ = learned
    found = model.transfer(X[:6], 1 - Y[:6], Y[:6], method="shift", batch_size=4)
    moments = [model.switch_prior.styles.moments(c)[0] for c in range(2)]
    moved = model.style(X[:6], Y[:6])
    moved += np.stack([moments[1 - c] - moments[c] for c in Y[:6]])
    wanted = model.render(1 - Y[:6], style=moved)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_saved_model_has_its_prior(learned, tmp_path):
    model, _, _ = learned
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        loaded.score_samples(X[:3]), model.score_samples(X[:3]), rtol=1e-4
    )
    np.testing.assert_allclose(
        loaded.sample(3, seed=5)[0], model.sample(3, seed=5)[0], atol=1e-5
    )


def test_fit_moves_no_weight_of_the_prior(learned):
    model = type(learned[0]).from_config(learned[0].get_config())
    model.set_weights(learned[0].get_weights())
    model.trainable = True
    model.compile(keras.optimizers.AdamW(0.01, weight_decay=0.1), algorithm=EG())
    before = [v.copy() for v in model.switch_prior.get_weights()]
    model.fit(X, Y, verbose=0)
    for old, new in zip(before, model.switch_prior.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_data_sets_and_factor_models_have_priors():
    model = build(DRFM, num_factors=2)
    dataset = data.semi_supervised(X, Y, num_labels=20, batch_size=40)
    model.fit_prior(dataset, style_size=2, width=4, components=1, epochs=1, verbose=0)
    images, _ = model.sample(5, seed=0)
    assert images.shape == (5, 8, 8, 1)
    e_step = model.infer(X[:2])
    assert np.isfinite(model.score_samples(X[:2])).all()
    assert e_step.factors.shape == (2, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.style(X[:1]), "`style` needs a prior.*fit_prior"),
        (lambda m: m.score_samples(X[:1]), "needs a prior"),
        (lambda m: m.transfer(X[:1], [0]), "needs a prior"),
        (lambda m: m.render([0], style=np.zeros((1, 2))), "needs a prior"),
        (lambda m: m.render([0]), "either `switches` or `style`, got None for both"),
        (lambda m: m.fit_prior(b for b in [X]), "read twice"),
        (lambda m: m.fit_prior(X, beta=0), "`beta` must be a finite number above 0"),
        (lambda m: m.fit_prior(X, style_size=0), "`style_size` must be an integer"),
        (lambda m: m.fit_prior(X[:3], verbose=0, style_size=2), "fewer `components`"),
    ],
)
def test_errors_say_what_to_do(call, message):
    model = build()
    with pytest.raises(ValueError, match=message):
        call(model)
    assert model.switch_prior is None


def test_bad_styles_and_classes(learned):
    model, _, _ = learned
    with pytest.raises(ValueError, match=r"`style` must be numbers of shape \(2, 2\)"):
        model.render([0, 1], style=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="`style` must be finite"):
        model.render([0], style=np.full((1, 2), np.nan))
    with pytest.raises(ValueError, match="`classes`"):
        model.transfer(X[:2], [0, 2])
    with pytest.raises(ValueError, match="`method` must be"):
        model.transfer(X[:1], [0], method="map")
    with pytest.raises(TypeError, match="no argument `epoch`"):
        model.fit_prior(X, epoch=3)
