"""What a DRMM does with a prior of its switches: learning, samples, styles, scores."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import integrate, special, stats

from keras_drmm import DRFM, DRMM, EG, Level, data
from keras_drmm.models import sampling, styled

# Bars, upright or flat, at one of four places: class and place are all there is.
RANDOM = np.random.default_rng(0)
Y = (np.arange(120) % 2).astype("int32")
X = np.full((120, 8, 8, 1), 0.1, "float32")
for image, label, place in zip(X, Y, RANDOM.integers(1, 7, 120), strict=True):
    image[(slice(None), place) if label else (place, slice(None))] = 0.9
# TensorFlow has no channels_first convolution on CPUs.
FORMAT = "channels_first"
if keras.backend.backend() == "tensorflow":
    FORMAT = "channels_last"


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
    parts = (model.switch_prior, model.style_encoder)
    prior = {id(v) for part in parts for v in part.weights}
    own = [v for v in model.weights if id(v) not in prior]
    assert len(own) == len(before)
    for weight, value in zip(own, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(weight), value)
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
    grid = np.linspace(-8, 8, 161)
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


def test_a_score_is_that_of_the_style_with_a_little_of_pixels_and_switches(learned):
    model, _, _ = learned
    e_step = model.infer(X[:5], Y[:5])
    style = model.style(X[:5], Y[:5])
    odds = model.switch_prior(style, model.independent_log_odds())
    wanted = np.empty(5)
    for n, c in enumerate(Y[:5]):
        mean, covariance = model.switch_prior.styles.moments(c)
        wanted[n] = stats.multivariate_normal(mean, covariance).logpdf(style[n])
    variance = float(ops.convert_to_numpy(model.noise_variance))
    residuals = X[:5] - e_step.reconstruction
    pixels = stats.norm(0, np.sqrt(variance)).logpdf(residuals).sum(axis=(1, 2, 3))
    for inferred, level in zip(e_step.switches, odds, strict=True):
        states = ops.convert_to_numpy(level)
        states = np.concatenate([0 * states[:, :, :, :1], states], axis=3)
        log_p = special.log_softmax(states, axis=3)
        index = inferred.astype(int)[:, :, :, None] + 1
        pixels += np.take_along_axis(log_p, index, axis=3).sum(axis=(1, 2, 3, 4))
    beta = model.get_config()["switch_prior"]["beta"]
    found = model.score_samples(X[:5], Y[:5])
    np.testing.assert_allclose(found, wanted + pixels / (8 * beta), rtol=1e-3)


def test_samples_come_from_the_prior(learned, monkeypatch):
    """A style of the class, the switches that it makes most probable, what they render;
    more images than are rendered at a time."""
    model, _, _ = learned
    monkeypatch.setattr(sampling, "BATCH", 16)
    monkeypatch.setattr(styled, "REDRAWS", 0)
    classes = np.arange(40) % 2
    prior = model.switch_prior
    random = np.random.default_rng(3)
    styles = prior.styles.sample(classes, random, spread=1.1)
    odds = prior(styles, model.independent_log_odds())
    modes = [ops.convert_to_numpy(s) for s in prior.mode(odds)]
    found = model.sample_switches(40, seed=3, classes=classes)
    for inferred, wanted in zip(found, modes, strict=True):
        np.testing.assert_array_equal(inferred, wanted)
    images, given = model.sample(40, classes, seed=3, noise=False)
    np.testing.assert_allclose(images, model.render(classes, modes), atol=1e-6)
    np.testing.assert_array_equal(given, classes)
    noisy, _ = model.sample(40, classes, seed=3)
    deviation = float(np.sqrt(ops.convert_to_numpy(model.noise_variance)))
    assert np.std(noisy - images) == pytest.approx(deviation, rel=0.05)
    # Drawn switches are the modes only where these are sure.
    drawn = model.sample_switches(40, seed=3, classes=classes, style_only=False)
    styles = prior.styles.sample(classes, np.random.default_rng(3))
    odds = prior(styles, model.independent_log_odds())
    modes = [ops.convert_to_numpy(s) for s in prior.mode(odds)]
    p = 1 / (1 + np.exp(-np.abs(ops.convert_to_numpy(odds[1]))))
    shares = np.mean(drawn[1] == modes[1])
    assert shares == pytest.approx(p.mean(), abs=0.05)


def test_samples_that_are_taken_for_another_class_are_drawn_again(learned, monkeypatch):
    """Two of five images are of the wrong class, as nothing rendered here is."""
    model, _, _ = learned
    drawn = []

    random = np.random.default_rng(5)
    pools = [np.flatnonzero(model.infer(X).classes == c) for c in range(2)]

    def draw(classes, style):
        drawn.append(len(classes))
        wrong = random.random(len(classes)) < share
        labels = np.where(wrong, 1 - classes, classes)
        return X[[random.choice(pools[label]) for label in labels]]

    monkeypatch.setattr(model, "render", draw)
    share, classes = 0.4, np.repeat([0, 1], 30)
    images, given = model.sample(60, classes, seed=1, noise=False)
    np.testing.assert_array_equal(given, classes)
    np.testing.assert_array_equal(model.infer(images).classes, classes)
    # 24 +- 10 of the 60, in batches of 16.
    assert drawn[0] == 60
    assert drawn[1] in (16, 32, 48)
    assert drawn[1:] == sorted(drawn[1:], reverse=True)
    # 16 draws of two rows: one of each fits, but with a probability of 2 * 0.4^8.
    drawn.clear()
    model.sample(2, [0, 1], seed=2, noise=False)
    assert drawn in ([2], [2, 16])
    # What never fits is drawn again ten times.
    share = 1.0
    drawn.clear()
    images, _ = model.sample(2, [0, 1], noise=False)
    assert drawn == [2, *[16] * 10]
    np.testing.assert_array_equal(model.infer(images).classes, [1, 0])


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
    learned_by_fit = {id(v) for v in model.trainable_variables}
    assert learned_by_fit == {id(v) for v in model.trainable_weights}
    rest = [v for v in model.variables if id(v) not in learned_by_fit]
    assert list(map(id, model.non_trainable_variables)) == list(map(id, rest))
    before = [v.copy() for v in model.switch_prior.get_weights()]
    model.fit(X, Y, verbose=0)
    for old, new in zip(before, model.switch_prior.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_fit_says_that_the_prior_becomes_stale(learned):
    model = type(learned[0]).from_config(learned[0].get_config())
    model.compile("adam", algorithm=EG())
    with pytest.warns(UserWarning, match="call `fit_prior` again"):
        model.fit(X, Y, verbose=0)


def test_half_precision_and_channels_first():
    levels = [
        Level(4, 3, pool_size=2, data_format=FORMAT),
        Level(3, 2, padding="valid", data_format=FORMAT),
    ]
    keras.utils.set_random_seed(1)
    shape = (8, 8, 1) if FORMAT == "channels_last" else (1, 8, 8)
    x = X.reshape(-1, *shape)
    model = DRMM(levels, shape, 2, dtype="mixed_bfloat16")
    model.fit_prior(x, Y, style_size=2, width=4, components=1, epochs=1, verbose=0)
    assert model.sample(3, seed=0)[0].shape == (3, *shape)
    assert model.style(x[:2]).dtype == "float32"
    bounds = model.score_samples(x[:4], Y[:4], bound=True)
    # The same weights in full precision.
    config = model.get_config() | {"dtype": "float32"}
    for level in config["levels"]:
        level["config"]["dtype"] = "float32"
    full = DRMM.from_config(config)
    full.set_weights(model.get_weights())
    wanted = full.score_samples(x[:4], Y[:4], bound=True)
    np.testing.assert_allclose(bounds, wanted, rtol=0.05, atol=1)


def test_a_prior_that_is_replaced_leaves_nothing_behind(tmp_path):
    model = build()
    options = {"width": 4, "components": 1, "epochs": 1, "verbose": 0}
    model.fit_prior(X, Y, style_size=3, **options)
    count = len(model.weights)
    model.fit_prior(X, Y, style_size=2, **options)
    assert len(model.weights) == count
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    images, _ = loaded.sample(3, seed=5)
    np.testing.assert_allclose(images, model.sample(3, seed=5)[0], atol=1e-5)


def test_the_kl_term_rises_over_a_third_of_the_steps():
    """Without, two of three seeds learned styles of less than a nat on MNIST."""
    model, beta = build(), 2.0
    options = {"style_size": 2, "width": 4, "components": 1, "beta": beta}
    # A step an epoch: its losses are those of the step.
    fit = {"batch_size": 120, "epochs": 12, "verbose": 0}
    found = model.fit_prior(X, Y, **options, **fit).history
    loss, switches, kl = (
        np.array(found[name]) for name in ("loss", "switches", "style_kl")
    )
    shares = (loss - switches / beta) / kl
    np.testing.assert_allclose(shares, np.minimum(np.arange(12) / 4, 1), atol=1e-2)


def test_a_policy_of_half_precision_learns_nearly_the_same(half):
    def learn():
        options = {"style_size": 2, "width": 4, "components": 1, "verbose": 0}
        return build().fit_prior(X, Y, **options, epochs=1).history["loss"][0]

    assert half(learn) == pytest.approx(learn(), rel=0.02)


def test_sample_weights_are_refused_before_anything_is_learned():
    model = build()
    batches = [(X[:40], Y[:40], np.ones(40, "float32"))] * 2

    class Weighted(keras.utils.PyDataset):
        def __len__(self):
            return len(batches)

        def __getitem__(self, index):
            return batches[index]

    with pytest.raises(ValueError, match="takes no sample weights"):
        model.fit_prior(Weighted(), style_size=2, verbose=0)


def test_data_sets_and_factor_models_have_priors():
    model = build(DRFM, num_factors=2)
    dataset = data.semi_supervised(X, Y, num_labels=20, batch_size=40)
    model.fit_prior(dataset, style_size=3, width=4, components=1, epochs=1, verbose=0)
    images, _ = model.sample(5, seed=0)
    assert images.shape == (5, 8, 8, 1)
    assert np.isfinite(model.score_samples(X[:2])).all()


def test_factors_go_with_the_style():
    """The regression of the E-step's factors on styles and classes."""
    model = build(DRFM, num_factors=2)
    model.fit_prior(X, Y, style_size=3, width=4, components=1, epochs=1, verbose=0)
    e_step, styles = model.infer(X, Y), model.style(X, Y)
    factors = model.switch_prior.factors
    given = np.concatenate([styles, np.eye(2)[Y]], axis=1)
    best = given @ np.linalg.lstsq(given, e_step.factors, rcond=None)[0]
    found = factors.mean(styles, Y)
    # Less than the best one by what q is unsure of the style.
    kinds = [(v - e_step.factors[Y == 1].mean(axis=0))[Y == 1] for v in (best, found)]
    assert np.corrcoef(kinds[0].ravel(), kinds[1].ravel())[0, 1] > 0.5
    rendered = model.render(Y[:4], style=styles[:4])
    odds = model.switch_prior(styles[:4], model.independent_log_odds())
    modes = [ops.convert_to_numpy(s) for s in model.switch_prior.mode(odds)]
    wanted = model.render(Y[:4], modes, factors=found[:4])
    np.testing.assert_allclose(rendered, wanted, atol=1e-5)
    # The bound has their density given the style, which is left out here.
    factors.slope.assign(0 * ops.convert_to_numpy(factors.slope))
    rest = e_step.factors[:4] - ops.convert_to_numpy(factors.offsets)[Y[:4]]
    narrow = ops.convert_to_numpy(factors.covariance)
    bounds = []
    for covariance in (narrow, 4 * narrow):
        factors.covariance.assign(covariance)
        bound = model.score_samples(X[:4], Y[:4], bound=True)
        bounds.append(bound - stats.multivariate_normal(cov=covariance).logpdf(rest))
    np.testing.assert_allclose(*bounds, rtol=1e-4)


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


def test_what_is_kept_for_validation_is_not_learned_from():
    """Nor by the closed form that follows the steps."""
    found = []
    for kept in (X[60:], X[60:][::-1] ** 2):
        model = build()
        model.fit_prior(
            np.concatenate([X[:60], kept]),
            Y,
            style_size=2,
            width=4,
            components=1,
            epochs=1,
            validation_split=0.5,
            verbose=0,
        )
        found.append(model.switch_prior.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
