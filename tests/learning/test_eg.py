"""EG: weights, schedule, and the G-step on the inferred configuration."""

import keras
import numpy as np
import pytest

from keras_drmm import DRMM, EG, Level

RNG = np.random.default_rng(0)
X = RNG.random((8, 6, 6, 1)).astype("float32")
Y = np.array([0, 1, 2, -1, -1, -1, -1, -1])


# On TensorFlow a few steps take less time than a graph of them.
EAGER = keras.backend.backend() == "tensorflow"


def small_model(algorithm, optimizer=None, eager=EAGER, **options):
    model = DRMM(
        [Level(4, 3, pool_size=2, **options), Level(8, 2, padding="valid", **options)],
        num_classes=3,
        input_shape=(6, 6, 1),
        # Positive templates: those that the ReLU turns off render nothing.
        templates_initializer=keras.initializers.RandomUniform(0.5, 1.5),
    )
    optimizer = optimizer or keras.optimizers.SGD(0.1)
    model.compile(optimizer, algorithm=algorithm, run_eagerly=eager)
    return model


def first_logs(algorithm, y=Y):
    keras.utils.set_random_seed(1)
    return small_model(algorithm).evaluate(X, y, verbose=0, return_dict=True)


def test_loss_is_the_weighted_sum_of_the_logged_terms():
    weights = {
        "cross_entropy": 0.7,
        "reconstruction": 0.3,
        "class_kl": 0.2,
        "entropy": 0.4,
        "marginal_kl": 0.9,
        "nonnegativity": 0.6,
    }
    logs = first_logs(EG(**weights))
    total = sum(weight * logs[name] for name, weight in weights.items())
    assert logs["loss"] == pytest.approx(total, rel=1e-5)


def test_terms_of_weight_0_are_not_logged():
    logs = first_logs(EG(entropy=0, nonnegativity=0))
    assert "entropy" not in logs
    assert "nonnegativity" not in logs
    assert logs["reconstruction"] > 0


def test_regularisers_add_to_the_loss():
    keras.utils.set_random_seed(1)
    model = small_model(EG())
    plain = model.evaluate(X, Y, verbose=0, return_dict=True)["loss"]
    kernel = model.levels[0].conv.kernel
    kernel.regularizer = keras.regularizers.L2(0.5)
    model.compile("sgd", algorithm=EG(), run_eagerly=EAGER)
    penalised = model.evaluate(X, Y, verbose=0, return_dict=True)["loss"]
    expected = 0.5 * np.sum(np.square(keras.ops.convert_to_numpy(kernel)))
    assert penalised - plain == pytest.approx(expected, rel=1e-4)


def test_warmup_ramps_all_terms_but_cross_entropy():
    """At step k of 4 the weight of the other terms is k/4 of its value."""
    keras.utils.set_random_seed(1)
    model = small_model(EG(warmup_steps=4), keras.optimizers.SGD(0.0), False)
    losses, terms = [], None
    for _ in range(6):
        terms = model.fit(X, Y, batch_size=8, verbose=0).history
        losses.append(terms["loss"][0])
    rest = (
        0.5 * terms["reconstruction"][0]
        + 0.5 * terms["entropy"][0]
        + terms["marginal_kl"][0]
        + 0.1 * terms["nonnegativity"][0]
    )
    ramp = np.array([0, 0.25, 0.5, 0.75, 1, 1])
    np.testing.assert_allclose(
        losses, terms["cross_entropy"][0] + ramp * rest, rtol=1e-5
    )
    assert int(model.steps) == 6


def test_labelled_rows_render_their_class():
    """The reconstruction term of a labelled row is that of its true class."""
    keras.utils.set_random_seed(1)
    algorithm = EG(cross_entropy=0, entropy=0, marginal_kl=0, nonnegativity=0)
    model = small_model(algorithm)
    inferred = model.infer(X)
    wrong = (inferred.classes + 1) % 3
    loss = model.evaluate(X, wrong, verbose=0, return_dict=True)["reconstruction"]
    rendered = model.render(wrong, inferred.switches)
    assert loss == pytest.approx(np.mean((X - rendered) ** 2), rel=1e-5)
    assert loss != pytest.approx(np.mean((X - inferred.reconstruction) ** 2), rel=1e-3)


def test_reconstruction_reaches_what_renders_and_nothing_else():
    """ĉ and ĝ carry no gradient: bottom-up bias and class bias must stay."""
    model = small_model(
        EG(cross_entropy=0, reconstruction=1, entropy=0, marginal_kl=0, nonnegativity=0)
    )
    before = {v.path: keras.ops.convert_to_numpy(v) for v in model.trainable_variables}
    model.fit(X, batch_size=8, verbose=0)
    stayed = {
        v.path
        for v in model.trainable_variables
        if np.array_equal(keras.ops.convert_to_numpy(v), before[v.path])
    }
    biases = {level.conv.bias.path for level in model.levels}
    assert stayed == biases | {model.templates.bias.path}


def test_render_divisor_looks_at_the_first_rows():
    keras.utils.set_random_seed(1)
    model = small_model(EG(render_divisor=4), keras.optimizers.SGD(0.0), False)
    expected = np.mean((X[:2] - model.infer(X[:2], Y[:2]).reconstruction) ** 2)
    history = model.fit(X, Y, batch_size=8, shuffle=False, verbose=0).history
    assert history["reconstruction"][0] == pytest.approx(expected, rel=1e-5)
    # A test step renders all rows.
    full = np.mean((X - model.infer(X, Y).reconstruction) ** 2)
    logs = model.evaluate(X, Y, batch_size=8, verbose=0, return_dict=True)
    assert logs["reconstruction"] == pytest.approx(full, rel=1e-5)


def test_metrics_see_labelled_rows_only():
    keras.utils.set_random_seed(1)
    model = small_model(EG())
    predicted = model.predict(X, verbose=0).argmax(1)
    labels = np.where(np.arange(8) < 4, predicted, -1)
    labels[0] = (labels[0] + 1) % 3
    logs = model.evaluate(X, labels, verbose=0, return_dict=True)
    assert logs["accuracy"] == pytest.approx(3 / 4)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_full_batch_objective_falls(batch_norm):
    keras.utils.set_random_seed(1)
    optimizer = keras.optimizers.Adam(0.01)
    model = small_model(EG(), optimizer, False, batch_norm=batch_norm)
    losses = model.fit(X, Y, batch_size=8, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"entropy": -1.0}, "`entropy` must be a finite number of at least 0"),
        (
            {"reconstruction": float("nan")},
            "`reconstruction` must be a finite number of at least 0",
        ),
        ({"render_divisor": 0}, "`render_divisor` must be an integer of at least 1"),
        ({"warmup_steps": 2.5}, "`warmup_steps` must be an integer of at least 0"),
        (
            {
                "cross_entropy": 0,
                "reconstruction": 0,
                "entropy": 0,
                "marginal_kl": 0,
                "nonnegativity": 0,
            },
            "nothing would be learned",
        ),
        (
            {"augmentation_divisor": 2},
            "`augmentation_divisor=2` has nothing to divide: give `augmentation`",
        ),
        (
            {"render_divisor": 3, "reconstruction": 0, "nonnegativity": 0},
            "`render_divisor=3` has nothing to divide: give `reconstruction`",
        ),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        EG(**options)


@pytest.mark.once
def test_a_file_of_a_divisor_without_effect_is_read():
    """Earlier versions wrote them; one with an effect is kept."""
    config = EG(render_divisor=3).get_config()
    read = EG.from_config({**config, "augmentation_divisor": 2})
    assert read == EG(render_divisor=3)


class Shift(keras.layers.Layer):
    """Moves images by one pixel and out of the range of pixels."""

    def call(self, images, training=False):
        return keras.ops.roll(images, 1, axis=1) * (2.0 if training else 1.0)


def test_augmentation_changes_what_the_posterior_is_compared_with():
    """The augmented images are those of the layer, within the range of pixels."""
    keras.utils.set_random_seed(1)
    model = small_model(EG(consistency=1.0, augmentation=Shift()))
    images = keras.ops.convert_to_tensor(X)
    e_step = model.trainer.e_step(images, None, training=True)
    expected = model.predict(np.minimum(np.roll(X, 1, axis=1) * 2, 1), verbose=0)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(e_step.augmented_logits), expected, atol=1e-5
    )
    # So are those of a test step.
    tested = model.trainer.e_step(images, None, training=False)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(tested.augmented_logits), expected, atol=1e-5
    )


def test_a_divisor_augments_the_first_rows_of_a_training_batch():
    keras.utils.set_random_seed(1)
    algorithm = EG(consistency=1.0, augmentation=Shift(), augmentation_divisor=3)
    model = small_model(algorithm)
    images = keras.ops.convert_to_tensor(X)
    rows = -(-len(X) // 3)
    expected = model.predict(np.minimum(np.roll(X, 1, axis=1) * 2, 1), verbose=0)
    for training, wanted in ((True, expected[:rows]), (False, expected)):
        e_step = model.trainer.e_step(images, None, training=training)
        found = keras.ops.convert_to_numpy(e_step.augmented_logits)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_consistency_pulls_the_augmented_posterior_to_the_other():
    """Its gradient reaches what the augmented logits are made of, not the target."""
    keras.utils.set_random_seed(1)
    alone = {"cross_entropy": 0, "reconstruction": 0, "entropy": 0, "marginal_kl": 0}
    algorithm = EG(**alone, nonnegativity=0, consistency=1.0, augmentation=Shift())
    model = small_model(algorithm, keras.optimizers.SGD(0.5), False)
    losses = model.fit(X, epochs=60, batch_size=8, verbose=0).history["consistency"]
    assert losses[-1] < 0.5 * losses[0]


def test_running_statistics_are_those_of_images_as_they_are():
    """Otherwise a model would expect disturbed images when it classifies."""
    found = []
    for nuisance in ({}, {"consistency": 1.0, "nuisance": Shift()}):
        keras.utils.set_random_seed(1)
        still = keras.optimizers.SGD(0.0)
        model = small_model(EG(**nuisance), still, batch_norm=True)
        model.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
        found.append(
            [v for level in model.levels for v in level.batch_norm.get_weights()]
        )
    # γ, β, and the running mean, which has moved.
    assert np.all(found[0][2] != 0)
    for plain, disturbed in zip(*found, strict=True):
        np.testing.assert_allclose(disturbed, plain, rtol=1e-6)


def test_random_nuisances_learn_and_come_back(tmp_path):
    """Their random numbers are tracked, and files need not have them."""
    algorithm = EG(
        consistency=1.0, augmentation=keras.layers.GaussianNoise(0.3, seed=1)
    )
    model = small_model(algorithm, eager=False)
    logs = model.fit(X, Y, batch_size=4, epochs=2, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    assert logs["consistency"][0] > 0
    model.save(tmp_path / "model.keras")
    other = keras.models.load_model(tmp_path / "model.keras")
    assert other.algorithm.nuisance.get_config() == algorithm.nuisance.get_config()
    other.fit(X, Y, batch_size=4, verbose=0)
    # Weights do not depend on how they were learned.
    model.save_weights(tmp_path / "model.weights.h5")
    plain = small_model(EG())
    plain.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(
        plain.predict(X, verbose=0), model.predict(X, verbose=0)
    )


@pytest.mark.parametrize(
    "options", [{"consistency": 1.0}, {"nuisance": keras.layers.GaussianNoise(0.1)}]
)
def test_consistency_and_nuisance_come_together(options):
    with pytest.raises(ValueError, match="belong together"):
        EG(**options)


BRIGHTNESS = keras.layers.RandomBrightness
MISFITS = {
    "range": (BRIGHTNESS(0.2), r"must change pixels in \[0.0, 1.0\], got RandomBrig"),
    "range of a part": (
        keras.Sequential([keras.layers.GaussianNoise(0.1), BRIGHTNESS(0.2)]),
        r"for pixels in \[0, 255\]: give it `value_range=\(0.0, 1.0\)`",
    ),
    "format": (
        keras.Sequential([keras.layers.RandomFlip(data_format="channels_first")]),
        r"must change channels_last images, got RandomFlip of channels_first ones",
    ),
    "shape": (keras.layers.Cropping2D(1), r"which gives \(None, 4, 4, 1\)"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_an_augmentation_that_does_not_fit_the_images_is_refused(name):
    augmentation, message = MISFITS[name]
    with pytest.raises(ValueError, match=message):
        small_model(EG(consistency=1.0, augmentation=augmentation))
    # Told of the pixels' range, it is taken.
    fits = BRIGHTNESS(0.2, value_range=(0, 1))
    small_model(EG(consistency=1.0, augmentation=fits))


def test_the_class_prior_is_learned_where_nothing_is_rendered():
    """Labels alone say it: with and without the reconstruction it is the same."""
    found = []
    for reconstruction in (0.0, 0.05):
        keras.utils.set_random_seed(1)
        model = small_model(EG(reconstruction=reconstruction, nonnegativity=0))
        model.fit(X, [0, 0, 0, 0, 0, 1, 1, 2], batch_size=8, epochs=3, verbose=0)
        found.append(model.prior)
    np.testing.assert_allclose(*found, rtol=1e-6)
    assert found[0][0] > found[0][1] > found[0][2]
