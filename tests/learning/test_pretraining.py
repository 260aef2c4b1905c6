"""Pre-training: each level as a model of one level, and what it leaves alone."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, EG, RMM, HardEM, Level
from keras_drmm.learning import pretrain

X = np.random.default_rng(0).random((20, 8, 8, 1)).astype("float32")


def build():
    # Without borders of their own EM has one Gram matrix for each level.
    levels = [
        Level(4, 3, padding="full", pool_size=2, batch_norm=True),
        Level(3, 2, padding="valid", batch_norm=True),
    ]
    model = DRMM(levels, (8, 8, 1), 2)
    model.compile("sgd", algorithm=EG())
    return model


def test_levels_learn_one_after_the_other():
    """As DRMMs of one level, put together by hand."""
    model, other = build(), build()
    other.set_weights(model.get_weights())
    keras.utils.set_random_seed(0)
    losses = pretrain(model, X, HardEM(step=0.5), epochs=3, batch_size=20)
    keras.utils.set_random_seed(0)
    message = X
    for level, start, history in zip(model.levels, other.levels, losses, strict=True):
        assert np.all(np.diff(history) <= 0)
        assert history[-1] < history[0]
        conv = start.conv
        alone = Level(
            conv.filters,
            conv.kernel_size,
            padding=conv.padding,
            pool_size=start.pool.pool_size,
        )
        part = DRMM([alone], message.shape[1:], 2, None, pixel_range=(-99.0, 99.0))
        alone.conv.kernel.assign(conv.kernel)
        part.compile(algorithm=HardEM(step=0.5))
        expected = part.fit(message, epochs=3, batch_size=20, verbose=0).history["loss"]
        np.testing.assert_allclose(history, expected, rtol=1e-3)
        np.testing.assert_allclose(kernel_of(level), kernel_of(alone), atol=1e-3)
        message = ops.convert_to_numpy(alone(message))
        message = message / np.sqrt(np.mean(message**2))


def test_only_kernels_change():
    model = build()
    before = {v.path: ops.convert_to_numpy(v) for v in model.weights}
    pretrain(model, X, HardEM(), epochs=2, batch_size=20)
    kernels = {level.conv.kernel.path for level in model.levels}
    for variable in model.weights:
        same = np.array_equal(ops.convert_to_numpy(variable), before[variable.path])
        assert same == (variable.path not in kernels)
    # And the model goes on to learn by gradients.
    model.fit(X, np.arange(20) % 3 - 1, epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("x", "arguments", "message"),
    [
        (X * 255, {}, "Scale"),
        (X[..., 0], {}, "The model takes images of shape"),
        (X, {"epochs": 0}, "`epochs` must be an integer"),
    ],
)
def test_bad_input(x, arguments, message):
    with pytest.raises(ValueError, match=message):
        pretrain(build(), x, HardEM(), **arguments)


def test_models_without_levels_are_refused():
    with pytest.raises(TypeError, match="`model` must be a `DRMM`, got <RMM"):
        pretrain(RMM((8, 8, 1), 2, 2), X, HardEM())


def kernel_of(level):
    return ops.convert_to_numpy(level.conv.kernel)
