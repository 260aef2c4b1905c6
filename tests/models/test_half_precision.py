"""A model of half precision infers, renders, scores and learns by EM as one of full."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

import keras_drmm
from keras_drmm import DRFM, DRMM, RFM, HardEM, Level, SoftEM
from keras_drmm.learning import pretrain

X = np.random.default_rng(0).random((20, 8, 8, 1)).astype("float32")


def levels():
    return [Level(4, 3, pool_size=2), Level(3, 3)]


MODELS = {
    "DRMM": lambda: DRMM(levels(), (8, 8, 1), 3),
    "signed": lambda: DRMM(levels(), (8, 8, 1), 3, nonnegative=False),
    "DRFM": lambda: DRFM(levels(), (8, 8, 1), 3),
    "RFM": lambda: RFM(levels()[0], (8, 8, 1), 3),
}


@pytest.mark.smoke
@pytest.mark.parametrize("name", MODELS)
def test_rendering_is_near_that_of_full_precision(name, half):
    full = MODELS[name]()
    model = half(MODELS[name])
    model.set_weights(full.get_weights())
    assert model.compute_dtype == "bfloat16"
    e_step = full.infer(X)
    arguments = e_step.classes, e_step.switches
    expected = ops.convert_to_numpy(full.render(*arguments))
    rendered = ops.convert_to_numpy(model.render(*arguments)).astype("float32")
    # bfloat16 has 8 bits of mantissa.
    scale = np.abs(expected).max()
    np.testing.assert_allclose(rendered, expected, atol=0.03 * scale)
    np.testing.assert_allclose(
        model.max_sum_score(X), full.max_sum_score(X), rtol=0.02, atol=1
    )
    assert model.reconstruct(X).shape == model.sample(20, seed=0)[0].shape == X.shape


@pytest.mark.parametrize("algorithm", [HardEM, SoftEM])
def test_em_starts_as_in_full_precision_and_learns(algorithm, half):
    def learn(**options):
        keras.utils.set_random_seed(0)
        model = MODELS["DRMM"]()
        model.compile(algorithm=algorithm(), **options)
        return model.fit(X, batch_size=20, epochs=4, verbose=0).history["loss"]

    # Later the E-steps decide otherwise here and there.
    # On TensorFlow four steps take less time than a graph of them.
    expected = learn(run_eagerly=keras.backend.backend() == "tensorflow")
    losses = half(learn)
    assert losses[0] == pytest.approx(expected[0], rel=0.05)
    assert losses[-1] < 0.9 * losses[0]
    assert expected[-1] < 0.9 * expected[0]


def test_pretraining_starts_as_in_full_precision(half):
    def learn():
        keras.utils.set_random_seed(0)
        return pretrain(MODELS["DRMM"](), X, HardEM(), epochs=2, batch_size=20)

    # The messages to the second level have a scale of 1.
    first = [losses[0] for losses in half(learn)]
    np.testing.assert_allclose(first, [losses[0] for losses in learn()], rtol=0.05)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_an_rmm_computes_in_float32_under_every_policy(policy):
    """`zoo.rmm` raised a TypeError: Keras cast its images to float16."""
    images = np.random.default_rng(0).random((12, 4, 4, 1)).astype("float32")
    labels = np.arange(12) % 4 - 1
    found = []
    for name in ("float32", policy):
        keras.config.set_dtype_policy(name)
        try:
            keras.utils.set_random_seed(0)
            model = keras_drmm.zoo.rmm((4, 4, 1), num_classes=3, num_nuisances=2)
            model.fit(images, labels, epochs=2, verbose=0)
            copy = type(model).from_config(model.get_config())
            copy.set_weights(model.get_weights())
            found.append([model.predict(images, verbose=0), model.log_prob(images)])
            found[-1].append(copy.predict(images, verbose=0))
        finally:
            keras.config.set_dtype_policy("float32")
    for half, single in zip(*found, strict=True):
        assert half.dtype == np.float32
        np.testing.assert_array_equal(half, single)


def test_a_dtype_that_no_level_has_is_told_of():
    with pytest.warns(UserWarning, match="Give each of them `dtype='mixed_bfloat16'`"):
        DRMM(levels(), (8, 8, 1), 3, dtype="mixed_bfloat16")
    given = [Level(4, 3, dtype="mixed_bfloat16")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DRMM(given, (8, 8, 1), 3, dtype="mixed_bfloat16")
        DRMM(levels(), (8, 8, 1), 3, dtype="float32")
