"""SWWAE against its layers written out in NumPy."""

import numpy as np
import pytest
from keras import ops

from keras_drmm import Level
from keras_drmm.baselines import SWWAE
from tests.baselines.build import X, Y, cross_entropy, levels, randomise


def padding(layer):
    return layer.kernel_size[0] - 1 if layer.padding == "full" else 0


def convolve(x, layer):
    kernel, zeros = ops.convert_to_numpy(layer.kernel), padding(layer)
    x = np.pad(x, ((0, 0), (zeros,) * 2, (zeros,) * 2, (0, 0)))
    k = len(kernel)
    rows, columns = (size - k + 1 for size in x.shape[1:3])
    return sum(
        x[:, i : i + rows, j : j + columns] @ kernel[i, j]
        for i in range(k)
        for j in range(k)
    )


def deconvolve(z, layer):
    kernel, zeros = ops.convert_to_numpy(layer.kernel), padding(layer)
    k = len(kernel)
    b, rows, columns, _ = z.shape
    x = np.zeros((b, rows + k - 1, columns + k - 1, kernel.shape[2]))
    for i in range(k):
        for j in range(k):
            x[:, i : i + rows, j : j + columns] += z @ kernel[i, j].T
    return x[:, zeros : x.shape[1] - zeros, zeros : x.shape[2] - zeros]


def normalise(u, norm):
    gamma, beta, mean, variance = map(ops.convert_to_numpy, norm.weights)
    return (u - mean) / np.sqrt(variance + norm.epsilon) * gamma + beta


def pool(u):
    """Return the maxima of 2x2 cells, padded after, and where they are."""
    b, rows, columns, c = u.shape
    u = np.pad(u, ((0, 0), (0, rows % 2), (0, columns % 2), (0, 0)))
    u[:, rows:], u[:, :, columns:] = -np.inf, -np.inf
    cells = u.reshape(b, (rows + 1) // 2, 2, (columns + 1) // 2, 2, c)
    cells = np.stack([cells[:, :, i, :, j] for i in (0, 1) for j in (0, 1)], axis=-1)
    maxima = cells.max(-1)
    return np.maximum(maxima, 0), np.where(maxima > 0, cells.argmax(-1), -1)


def unpool(z, where, rows, columns):
    b, r, k, c = z.shape
    x = np.zeros((b, 2 * r, 2 * k, c))
    for winner in range(4):
        x[:, winner // 2 :: 2, winner % 2 :: 2] = (where == winner) * z
    return x[:, :rows, :columns]


@pytest.fixture
def model():
    return randomise(SWWAE(levels(), (5, 5, 1), 3, 0.7, 0.3))


@pytest.mark.smoke
def test_passes_and_objective_are_the_papers(model):
    first, second, third = model.levels
    u = normalise(convolve(X, first.conv), first.batch_norm)
    x1, where = pool(u)
    x2 = np.maximum(normalise(convolve(x1, second.conv), second.batch_norm), 0)
    x3 = np.maximum(normalise(convolve(x2, third.conv), third.batch_norm), 0)
    head, bias = map(ops.convert_to_numpy, model.head.weights)
    logits = x3.mean(axis=(1, 2)) @ head + bias

    def decoded(z, number):
        z = deconvolve(z, model.decoders[number].rendering)
        return z + ops.convert_to_numpy(model.levels[number].alpha)

    d2 = np.maximum(decoded(x3, 2), 0)
    d1 = np.maximum(decoded(d2, 1), 0)
    d0 = decoded(unpool(d1, where, *u.shape[1:3]), 0)
    assert (where < 0).any()
    assert d0.min() < 0

    found = model.passes(ops.convert_to_tensor(X))
    np.testing.assert_allclose(
        ops.convert_to_numpy(found.logits), logits, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(found.switches[0]), where)
    assert found.switches[1:] == [None, None]
    for ours, expected in [
        *zip(found.messages, [X, x1, x2, x3], strict=True),
        *zip(found.rendered, [d0, d1, d2], strict=True),
    ]:
        ours = ops.convert_to_numpy(ours)
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)

    shown = Y >= 0
    expected = cross_entropy(logits[shown], Y[shown]) + 0.7 * np.mean((X - d0) ** 2)
    expected += 0.3 * (np.mean((x1 - d1) ** 2) + np.mean((x2 - d2) ** 2))
    model.compile("sgd")
    loss = model.evaluate(X, Y, batch_size=8, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(expected, rel=1e-4)


def test_levels_of_the_classifier_are_not_decoded(model):
    """x_3 is f's alone: the decoder starts from x_2, of which the logits are the same.

    The other model's weights are this one's but those of the third level's decoder.
    """
    shorter = SWWAE(levels(), (5, 5, 1), 3, 0.7, 0.3, classifier_levels=1)
    assert len(shorter.decoders) == 2
    for ours, theirs in [
        *zip(shorter.levels, model.levels, strict=True),
        *zip(shorter.decoders, model.decoders[:2], strict=True),
        (shorter.head, model.head),
    ]:
        ours.set_weights(theirs.get_weights())
    x = ops.convert_to_tensor(X)
    found, whole = shorter.passes(x), model.passes(x)
    x2 = ops.convert_to_numpy(whole.messages[2])
    d1 = np.maximum(
        deconvolve(x2, model.decoders[1].rendering)
        + ops.convert_to_numpy(model.levels[1].alpha),
        0,
    )
    assert len(found.messages) == 3
    np.testing.assert_allclose(
        ops.convert_to_numpy(found.rendered[1]), d1, rtol=1e-4, atol=1e-4
    )
    logits = ops.convert_to_numpy(whole.logits)
    for given in (found.logits, shorter(x)):
        np.testing.assert_allclose(ops.convert_to_numpy(given), logits, rtol=1e-5)
    assert shorter.from_config(shorter.get_config()).classifier_levels == 1
    with pytest.raises(ValueError, match="`classifier_levels` must be less than 3"):
        SWWAE(levels(), (5, 5, 1), 3, classifier_levels=3)


def test_a_channel_a_class_starts_as_its_own_class():
    model = SWWAE([*levels()[:2], Level(3, 1)], (5, 5, 1), 3)
    np.testing.assert_array_equal(ops.convert_to_numpy(model.head.kernel), np.eye(3))


def test_prediction_is_the_encoder_alone(model):
    expected = model.passes(ops.convert_to_tensor(X)).logits
    found = model.predict(X, verbose=0)
    np.testing.assert_allclose(found, ops.convert_to_numpy(expected), rtol=1e-5)


def test_decoder_is_untied(model):
    before = ops.convert_to_numpy(model(X))
    for decoder in model.decoders:
        kernel = decoder.rendering.kernel
        kernel.assign(ops.zeros(kernel.shape))
    np.testing.assert_array_equal(ops.convert_to_numpy(model(X)), before)


def test_dropout_hides_the_top_from_the_classifier():
    model = randomise(SWWAE(levels(), (5, 5, 1), 3, dropout=0.9))
    x = ops.convert_to_tensor(X)
    one, other = (model.passes(x, training=True) for _ in range(2))
    assert np.any(
        ops.convert_to_numpy(one.logits) != ops.convert_to_numpy(other.logits)
    )
    # But not from the decoder.
    ours, theirs = (ops.convert_to_numpy(v.reconstruction) for v in (one, other))
    np.testing.assert_array_equal(ours, theirs)
