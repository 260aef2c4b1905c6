"""The RMM against enumeration of all (c, g, a), and as a Keras model."""

import itertools
import math
import warnings

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_drmm import EG
from keras_drmm.em.soft_em import SoftEM
from keras_drmm.models.rmm import RMM

RNG = np.random.default_rng(0)
SHAPE = (3, 2, 2)
X = RNG.normal(size=(6, *SHAPE)).astype("float32")
Y = np.array([0, -1, 2, 1, -1, 2])

INITIALIZED = RMM(SHAPE, 3, 2)
INITIALIZED.compile("sgd", algorithm=SoftEM())


def build(switch=True, seed=1, variance=0.3):
    """An RMM of 3 classes and 4 nuisances with random parameters."""
    model = RMM(SHAPE, 3, 4, switch, pixel_range=(-9, 9))
    rng = np.random.default_rng(seed)
    model.templates.assign(rng.normal(size=(3, 4, *SHAPE)))
    model.class_prior.assign(rng.dirichlet(np.ones(3)))
    model.nuisance_prior.assign(rng.dirichlet(np.ones(4)))
    model.noise_variance.assign(variance)
    if switch:
        model.switch_prior.assign(0.8)
    return model


def enumerate_joint(model, images, labels=None):
    """ln p(I, c, g, a) of every configuration, by the definition (1), in float64."""
    read = {
        v.name: ops.convert_to_numpy(v).astype("float64")
        for v in model.weights
        if "/statistics" not in v.path
    }
    variance, states = read["noise_variance"], [1, 0] if model.switch else [1]
    joint = np.empty((len(images), 3, 4, len(states)))
    for n, c, g, (place, a) in itertools.product(
        range(len(images)), range(3), range(4), enumerate(states)
    ):
        noise = images[n].astype("float64") - a * read["templates"][c, g]
        log_p = -(noise**2) / (2 * variance) - 0.5 * np.log(2 * np.pi * variance)
        log_p = log_p.sum() + np.log(read["class_prior"][c] * read["nuisance_prior"][g])
        if model.switch:
            log_p += np.log(read["switch_prior"] if a else 1 - read["switch_prior"])
        if labels is not None and labels[n] not in (-1, c):
            log_p = -np.inf
        joint[n, c, g, place] = log_p
    return joint


@pytest.mark.smoke
@pytest.mark.parametrize("labels", [None, Y], ids=["unlabelled", "labelled"])
@pytest.mark.parametrize("switch", [True, False])
def test_exact_inference_equals_enumeration(switch, labels):
    model = build(switch)
    joint = enumerate_joint(model, X, labels)
    flat = joint.reshape(6, -1)
    evidence = np.logaddexp.reduce(flat, axis=1)
    np.testing.assert_allclose(
        model.log_prob(X, labels, batch_size=3), evidence, rtol=1e-6
    )
    np.testing.assert_allclose(
        model.max_sum_score(X, labels, batch_size=3), flat.max(axis=1), rtol=1e-6
    )
    soft = model.responsibilities(X, labels, batch_size=3)
    expected = np.exp(joint - evidence[:, None, None, None])
    np.testing.assert_allclose(soft, expected, atol=1e-5)
    hard = model.responsibilities(X, labels, hard=True, batch_size=3)
    best = np.eye(flat.shape[1])[flat.argmax(axis=1)].reshape(joint.shape)
    np.testing.assert_array_equal(hard, best)


@pytest.mark.smoke
@pytest.mark.parametrize("switch", [True, False])
def test_logits_are_the_class_posterior(switch):
    model = build(switch)
    joint = np.logaddexp.reduce(enumerate_joint(model, X).reshape(6, 3, -1), axis=2)
    expected = joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)
    logits = model.predict(X, verbose=0)
    for found in (logits, model.infer(X).logits, ops.convert_to_numpy(model(X))):
        # Up to what the classes have in common.
        posterior = found - np.logaddexp.reduce(found, axis=1, keepdims=True)
        np.testing.assert_allclose(posterior, expected, rtol=1e-4, atol=1e-4)


def test_hard_responsibilities_are_the_nearest_template():
    """Without switch and with uniform priors they are (13)."""
    model = build(switch=False)
    model.class_prior.assign(np.full(3, 1 / 3))
    model.nuisance_prior.assign(np.full(4, 1 / 4))
    templates = ops.convert_to_numpy(model.templates)
    distances = np.square(X[:, None, None] - templates).sum(axis=(3, 4, 5))
    nearest = np.eye(12)[distances.reshape(6, -1).argmin(axis=1)].reshape(6, 3, 4, 1)
    hard = model.responsibilities(X, hard=True)
    np.testing.assert_array_equal(hard, nearest)
    model.noise_variance.assign(1e-3)
    np.testing.assert_allclose(model.responsibilities(X), hard, atol=1e-6)


def test_infer_renders_the_best_configuration():
    model = build()
    joint = enumerate_joint(model, X, Y)
    classes, nuisances, states = np.unravel_index(
        joint.reshape(6, -1).argmax(axis=1), joint.shape[1:]
    )
    found = model.infer(X, Y)
    np.testing.assert_array_equal(found.classes, classes)
    switches = np.where(states == 0, nuisances, -1)
    np.testing.assert_array_equal(found.switches[0], switches)
    templates = ops.convert_to_numpy(model.templates)
    rendered = templates[classes, nuisances] * (states == 0)[:, None, None, None]
    np.testing.assert_array_equal(found.reconstruction, rendered)
    np.testing.assert_array_equal(model.render(classes, [switches]), rendered)
    np.testing.assert_array_equal(
        model.reconstruct(X, batch_size=4), model.infer(X).reconstruction
    )


def test_off_renders_nothing_and_explains_black():
    model = build()
    black = np.zeros((1, *SHAPE), "float32")
    assert model.infer(black).switches[0][0] == -1
    np.testing.assert_array_equal(model.reconstruct(black), black)


@pytest.mark.parametrize("variance", [1e-1, 1e-4, 1e-6])
def test_small_noise_in_many_pixels(variance):
    """784 pixels: float32 keeps ln p(I) to 1e-5, whatever σ² is."""
    rng = np.random.default_rng(2)
    model = RMM((28, 28, 1), 2, 3, pixel_range=(-9, 9))
    templates = rng.random((2, 3, 28, 28, 1)).astype("float32")
    model.templates.assign(templates)
    model.noise_variance.assign(variance)
    noise = np.sqrt(variance) * rng.normal(size=(6, 28, 28, 1))
    images = (templates.reshape(6, 28, 28, 1) + noise).astype("float32")
    squares = np.square(images[:, None] - templates.reshape(6, 28, 28, 1), dtype=float)
    squares = squares.sum(axis=(2, 3, 4))
    off = np.square(images, dtype=float).sum(axis=(1, 2, 3))
    joint = -np.concatenate([squares, off[:, None]], axis=1) / (2 * variance)
    joint += np.log(0.5) - 392 * np.log(2 * np.pi * variance)
    joint[:, :6] += np.log(1 / 6)
    expected = np.logaddexp.reduce(joint, axis=1)
    np.testing.assert_allclose(model.log_prob(images), expected, rtol=1e-5)


def test_natural_parameters_and_back():
    """η(θ) of the text below (4), and θ(η) = θ."""
    model, other = build(), build(seed=5)
    eta = model.natural_parameters()
    templates = ops.convert_to_numpy(model.templates)
    np.testing.assert_allclose(eta.weights, templates / 0.3, rtol=1e-6)
    squares = np.square(templates).sum(axis=(2, 3, 4))
    np.testing.assert_allclose(eta.biases, -squares / 0.6, rtol=1e-6)
    assert eta.switch_bias == pytest.approx(math.log(0.8 / 0.2), rel=1e-5)
    other.assign_natural_parameters(eta)
    for name in ("templates", "noise_variance", "switch_prior"):
        ours, theirs = (ops.convert_to_numpy(getattr(m, name)) for m in (model, other))
        np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-6)


def test_natural_parameters_that_no_rmm_has():
    model = build()
    eta = model.natural_parameters()
    with pytest.raises(ValueError, match="No σ²"):
        model.assign_natural_parameters(eta._replace(biases=eta.biases + 1))
    with pytest.raises(ValueError, match="has one"):
        model.assign_natural_parameters(eta._replace(switch_bias=None))


def test_level_finds_the_best_translation_and_switch():
    """Lemma A.2, Proposition A.3: message = max over (t, a) of log-posterior terms."""
    model, cell = build(), (2, 3)
    image = RNG.normal(size=(5, 8, 2))
    level = model.to_level(cell)
    message = ops.convert_to_numpy(level(image[None].astype("float32")))[0]
    templates = ops.convert_to_numpy(model.templates).reshape(12, *SHAPE)
    # 3x7 positions of a 3x2 template in cells of 2x3, padded at the end.
    assert message.shape == (2, 3, 12)
    rows, columns = 5 - 3 + 1, 8 - 2 + 1
    expected = np.full(message.shape, -np.inf)
    for channel, row, column in itertools.product(
        range(12), range(rows), range(columns)
    ):
        for a, prior in ((1, 0.8), (0, 0.2)):
            rendered = np.zeros_like(image)
            rendered[row : row + 3, column : column + 2] = a * templates[channel]
            score = -np.square(image - rendered).sum() / (2 * 0.3) + np.log(prior)
            # Relative to a black image, which is OFF.
            score -= -np.square(image).sum() / (2 * 0.3) + np.log(0.2)
            # Padding "same" of 7 columns to 9: one before, one after; 3 rows to 4.
            place = (row // 2, (column + 1) // 3, channel)
            expected[place] = max(expected[place], score)
    np.testing.assert_allclose(message, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.smoke
def test_relu_of_matches_classifies_as_max_sum_does():
    """(3) = (4): with uniform priors of c and g, argmax of ReLU(<w|I> + b + b_a)."""
    model = build()
    model.class_prior.assign(np.full(3, 1 / 3))
    model.nuisance_prior.assign(np.full(4, 1 / 4))
    images = (X + RNG.normal(size=X.shape)).astype("float32")
    best = enumerate_joint(model, images).max(axis=(2, 3))
    message = ops.convert_to_numpy(model.to_level()(images)).reshape(6, 3, 4)
    found = message.max(axis=2)
    np.testing.assert_allclose(
        found - found[:, :1], best - best[:, :1], rtol=1e-4, atol=1e-4
    )


def test_level_renders_the_templates():
    """What is ON top-down adds w at its place: the RMM's template, scaled by 1/σ²."""
    model = build()
    level = model.to_level()
    z, switches = np.zeros((2, 1, 1, 1, 12), "float32")
    switches = np.full(z.shape, -1, "int8")
    z[..., 5], switches[..., 5] = 0.3, 0
    image = ops.convert_to_numpy(level.top_down(z, ops.convert_to_tensor(switches)))
    template = ops.convert_to_numpy(model.templates)[1, 1]
    np.testing.assert_allclose(image[0, :3, :2], template, rtol=1e-5)


@pytest.mark.parametrize("switch", [True, False])
def test_maxout_takes_the_best_nuisance(switch):
    """Proposition A.1, at each patch of a larger image."""
    model = build(switch)
    image = RNG.normal(size=(1, 4, 5, 2)).astype("float32")
    found = model.to_maxout((4, 5, 2)).predict(image, verbose=0)
    assert found.shape == (1, 2, 4, 3)
    for row, column in np.ndindex(2, 4):
        patch = image[:, row : row + 3, column : column + 2]
        joint = enumerate_joint(model, patch)[0, :, :, 0]
        if switch:
            joint -= np.log(0.8)
        constant = np.square(patch).sum() / 0.6 + 6 * np.log(2 * np.pi * 0.3)
        expected = joint.max(axis=1) + constant
        np.testing.assert_allclose(
            found[0, row, column], expected, rtol=1e-4, atol=1e-4
        )


def test_without_switch_there_is_no_relu():
    with pytest.raises(ValueError, match="to_maxout"):
        build(switch=False).to_level()


def test_samples_have_the_moments_of_the_model():
    model = build()
    images, classes = model.sample(20_000, seed=3)
    shares = np.bincount(classes, minlength=3) / 20_000
    prior = ops.convert_to_numpy(model.class_prior)
    np.testing.assert_allclose(shares, prior, atol=0.015)
    nuisances = ops.convert_to_numpy(model.nuisance_prior)
    templates = ops.convert_to_numpy(model.templates)
    for c in range(3):
        mean = 0.8 * np.tensordot(nuisances, templates[c], axes=1)
        np.testing.assert_allclose(
            images[classes == c].mean(axis=0), mean, atol=6 / np.sqrt(shares[c] * 2e4)
        )
    chosen, given = model.sample(4, classes=[2, 2, 0, 1], seed=3)
    np.testing.assert_array_equal(given, [2, 2, 0, 1])
    np.testing.assert_array_equal(chosen, model.sample(4, [2, 2, 0, 1], seed=3)[0])


@given(
    rows=st.sampled_from([1, 2, 5, 12]),
    seed=st.integers(0, 2**32 - 1),
    levels=st.integers(1, 3),
)
@settings(max_examples=50)
def test_initialize_takes_any_data(rows, seed, levels):
    """Few, equal and partly labelled rows: templates are rows, σ² is in range."""
    rng = np.random.default_rng(seed)
    x = (rng.integers(0, levels, (rows, *SHAPE)) / 2).astype("float32")
    y = rng.integers(-1, 3, rows)
    INITIALIZED.initialize(x, y, seed=seed)
    templates = ops.convert_to_numpy(INITIALIZED.templates).reshape(6, -1)
    apart = np.square(templates[:, None] - x.reshape(rows, -1)).sum(axis=2)
    np.testing.assert_array_equal(apart.min(axis=1), 0)
    variance = float(ops.convert_to_numpy(INITIALIZED.noise_variance))
    assert np.float32(1e-4) <= variance <= 1


def test_labelled_rows_are_templates_of_their_class():
    x = np.repeat(np.arange(6) / 6, 4).reshape(24, 1, 1, 1) * np.ones(SHAPE)
    y = np.where(np.arange(24) % 4 == 0, np.arange(24) // 8, -1)
    model = RMM(SHAPE, 3, 2)
    model.compile("sgd", algorithm=SoftEM())
    model.initialize(x.astype("float32"), y, seed=0)
    values = np.sort(ops.convert_to_numpy(model.templates)[:, :, 0, 0, 0], axis=1)
    np.testing.assert_allclose(values, np.arange(6).reshape(3, 2) / 6, atol=1e-6)


def test_survives_saving(tmp_path):
    model = build()
    model.compile("sgd", algorithm=SoftEM(0.7))
    model.save(tmp_path / "rmm.keras")
    other = keras.models.load_model(tmp_path / "rmm.keras")
    assert other.algorithm == SoftEM(0.7)
    np.testing.assert_array_equal(other.log_prob(X), model.log_prob(X))
    bare = keras.models.load_model(tmp_path / "rmm.keras", compile=False)
    np.testing.assert_array_equal(bare.log_prob(X), model.log_prob(X))


@pytest.mark.parametrize("how", ["EG", "loss"])
def test_gradients_learn_the_templates(how):
    model = build()
    if how == "EG":
        model.compile(keras.optimizers.Adam(0.05), algorithm=EG(reconstruction=1.0))
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.05), loss=loss)
    labels = np.arange(6) % 3
    losses = model.fit(X, labels, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


def test_free_parameters_are_the_templates():
    assert build().count_free_parameters() == 3 * 4 * 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 1}, "`num_classes` must be"),
        ({"num_nuisances": 0}, "`num_nuisances` must be"),
        ({"variance_floor": 0.0}, "`variance_floor` must be"),
        ({"variance_floor": math.nan}, "`variance_floor` must be"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        RMM(**{"num_classes": 3, "num_nuisances": 2, "input_shape": SHAPE, **options})


def test_unknown_classes_and_nuisances_are_refused():
    model = build()
    for classes, switches, name in (
        ([3], [0], "classes"),
        ([-1], [0], "classes"),
        ([0], [4], "switches"),
        ([0], [-2], "switches"),
        ([0, 1], [0], "switches"),
    ):
        with pytest.raises(ValueError, match=rf"`{name}(\[0\])?` must be"):
            model.render(classes, [switches])
    with pytest.raises(ValueError, match="of shape \\(3,\\)"):
        model.sample(3, classes=[0])


def test_another_dtype_than_float32_is_told_of():
    with pytest.warns(UserWarning, match="'mixed_bfloat16' has no effect"):
        model = RMM((4, 4, 1), 2, 1, dtype="mixed_bfloat16")
    assert model.compute_dtype == "float32"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RMM.from_config(model.get_config())


def test_networks_of_an_rmm_are_as_precise_as_it_is():
    """Its small σ² makes logits that are too large for half precision."""
    model = build()
    expected = [
        net(X.astype("float32")) for net in (model.to_level(), model.to_maxout())
    ]
    keras.config.set_dtype_policy("mixed_float16")
    try:
        found = [
            net(X.astype("float32")) for net in (model.to_level(), model.to_maxout())
        ]
    finally:
        keras.config.set_dtype_policy("float32")
    for ours, wanted in zip(found, expected, strict=True):
        assert ours.dtype == wanted.dtype
        np.testing.assert_array_equal(
            ops.convert_to_numpy(ours), ops.convert_to_numpy(wanted)
        )
