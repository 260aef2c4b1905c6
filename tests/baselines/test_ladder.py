"""The ladder's Γ-model against stock layers and NumPy."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy.special import expit, softmax

from keras_drmm.baselines import Ladder
from keras_drmm.baselines.ladder import EPSILON, _Denoising
from tests.baselines.build import X, Y, cross_entropy, levels, randomise

INPUT = ops.convert_to_tensor(X)


def build(noise=0.3):
    return randomise(Ladder(levels(), (5, 5, 1), 3, noise, denoising=0.4))


def g(noisy, u, a):
    """The denoising function, unit by unit."""
    a = np.float64(a)
    mean = a[0] * expit(a[1] * u + a[2]) + a[3] * u + a[4]
    trust = a[5] * expit(a[6] * u + a[7]) + a[8] * u + a[9]
    return (noisy - mean) * trust + mean


def normalise(u):
    return (u - u.mean(axis=0)) / np.sqrt(u.var(axis=0) + EPSILON)


def numpy(values):
    return [np.float64(ops.convert_to_numpy(v)) for v in values]


@pytest.mark.smoke
def test_denoising_function():
    layer, rng = _Denoising(), np.random.default_rng(0)
    noisy, u = rng.normal(size=(2, 6, 3)).astype("float32")
    # At first g is 0: it trusts nothing and expects the mean.
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(noisy, u)), 0 * u)
    start = ops.convert_to_numpy(layer.a)
    np.testing.assert_array_equal(start[:, 0], [0, 1, 0, 0, 0, 0, 1, 0, 0, 0])
    a = rng.normal(size=(10, 3))
    layer.a.assign(a)
    found = ops.convert_to_numpy(layer(noisy, u))
    np.testing.assert_allclose(found, g(noisy, u, a), rtol=1e-4, atol=1e-5)


@pytest.mark.smoke
def test_objective_is_the_papers():
    """From z, z̃ and μ, σ of the clean pass, all of a training step."""
    model = build()
    outputs = model.passes(INPUT, training=True)
    logits, clean, noisy, denoised = numpy(outputs)
    (match,) = numpy([model.match(INPUT, training=True)])
    np.testing.assert_allclose(clean, normalise(match), rtol=1e-3, atol=1e-4)
    gamma, beta, a = numpy([model.gamma, model.beta, model.denoise.a])
    np.testing.assert_allclose(logits, gamma * (noisy + beta), rtol=1e-5, atol=1e-6)

    estimate = g(noisy, normalise(softmax(logits, axis=1)), a)
    expected = (estimate - match.mean(0)) / np.sqrt(match.var(0) + EPSILON)
    np.testing.assert_allclose(denoised, expected, rtol=1e-3, atol=1e-3)

    values = model.terms(outputs, ops.convert_to_tensor(Y))
    shown = Y >= 0
    assert float(values["denoising"]) == pytest.approx(
        np.mean((clean - denoised) ** 2), rel=1e-4
    )
    assert float(values["cross_entropy"]) == pytest.approx(
        cross_entropy(logits[shown], Y[shown]), rel=1e-4
    )
    assert model.weights_of_terms == {"cross_entropy": 1.0, "denoising": 0.4}


def test_without_noise_the_passes_are_equal():
    model = build(noise=0)
    found = model.passes(INPUT, training=True)
    clean, noisy = numpy([found.clean, found.noisy])
    np.testing.assert_allclose(noisy, clean, rtol=1e-4, atol=1e-4)


def test_noise_has_its_deviation_and_is_new_each_time():
    model = build()
    one, other = numpy(model.corrupt(ops.zeros((50, 10, 10, 4))) for _ in range(2))
    assert np.std(one) == pytest.approx(0.3, rel=0.03)
    assert np.mean(one) == pytest.approx(0, abs=0.01)
    assert np.mean(one * other) == pytest.approx(0, abs=0.01)


def test_running_statistics_are_those_of_the_clean_pass():
    """A stock normalisation that sees the clean maps alone ends at the same."""
    model = build(noise=2.0)
    model.passes(INPUT, training=True)
    after = numpy(model.non_trainable_variables)[1:]
    model = build(noise=2.0)
    model.classify(INPUT, training=True)
    alone = numpy(model.non_trainable_variables)[1:]
    for one, other in zip(after, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def stock(model):
    """The clean pass as a functional model of stock layers, in the paper's order."""
    convs = [s.operation for s in model.stages if hasattr(s.operation, "kernel")]
    norms = [s.normalisation for s in model.stages] + [model.normalisation]
    norms, copies = iter(norms), []

    def normalised(x, center=False):
        norm = layers.BatchNormalization(epsilon=EPSILON, center=center, scale=False)
        x = norm(x)
        norm.set_weights(next(norms).get_weights())
        copies.append(norm)
        return x

    def convolved(x, conv, padding=0):
        x = layers.ZeroPadding2D(padding)(x)
        layer = layers.Conv2D(conv.filters, conv.kernel_size, use_bias=False)
        x = layer(x)
        layer.set_weights(conv.get_weights())
        return layers.ReLU()(normalised(x, center=True))

    image = keras.Input((5, 5, 1))
    x = convolved(image, convs[0], 2)
    x = normalised(layers.MaxPooling2D(2, padding="same")(x))
    x = convolved(convolved(x, convs[1]), convs[2])
    x = normalised(layers.GlobalAveragePooling2D()(x))
    dense = layers.Dense(3, use_bias=False)
    z = normalised(dense(x))
    dense.set_weights(model.dense.get_weights())
    assert len(copies) == len(model.stages) + 1
    return keras.Model(image, z)


@pytest.mark.smoke
def test_clean_pass_is_a_stock_convnet():
    model = build()
    gamma, beta = numpy([model.gamma, model.beta])
    z = ops.convert_to_numpy(stock(model)(INPUT))
    found = model.predict(X, verbose=0)
    np.testing.assert_allclose(found, gamma * (z + beta), rtol=1e-4, atol=1e-4)
    # And by the statistics of the batch.
    z = ops.convert_to_numpy(stock(model)(INPUT, training=True))
    found = ops.convert_to_numpy(model.passes(INPUT, training=True).clean)
    np.testing.assert_allclose(found, z, rtol=1e-3, atol=1e-3)
