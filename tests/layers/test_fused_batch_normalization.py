import keras
import numpy as np
import pytest
from keras import ops

from keras_drmm.layers import FusedBatchNormalization, replicas
from tests.kernels.together import Together


def _trained(layer, images, targets):
    """Return what a layer gives in training, and its weights after three steps."""
    model = keras.Sequential([keras.Input(images.shape[1:]), layer])
    model.compile(keras.optimizers.SGD(0.5), "mse", jit_compile=False)
    outputs = ops.convert_to_numpy(layer(ops.convert_to_tensor(images), training=True))
    model.fit(images, targets, epochs=3, batch_size=len(images), verbose=0)
    return [outputs, *model.get_weights()]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": 0.9, "epsilon": 0.1},
        {"axis": 1},
        {"scale": False},
        {"center": False},
        {"dtype": "float64"},
    ],
    ids=str,
)
def test_is_keras_batch_normalisation(options):
    random = np.random.default_rng(0)
    images = random.normal(2, 3, (5, 4, 6, 3)).astype("float32")
    targets = random.normal(size=images.shape).astype("float32")
    for result, expected in zip(
        _trained(FusedBatchNormalization(**options), images, targets),
        _trained(keras.layers.BatchNormalization(**options), images, targets),
        strict=True,
    ):
        np.testing.assert_allclose(result, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("channels", [3, 16])
def test_half_precision_keeps_statistics_in_single(channels):
    """TensorFlow has a way of its own for multiples of 16."""
    shape = (50, 8, 8, channels)
    images = np.random.default_rng(0).normal(2, 3, shape).astype("float32")
    layer = FusedBatchNormalization(dtype="mixed_bfloat16", momentum=0.0)
    outputs = layer(ops.convert_to_tensor(images), training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    mean = ops.convert_to_numpy(layer.moving_mean)
    # A map's rounding to bfloat16 is up to 2^-9 of it, and averages out.
    np.testing.assert_allclose(mean, images.mean((0, 1, 2)), atol=5e-3)
    variance = ops.convert_to_numpy(layer.moving_variance)
    np.testing.assert_allclose(variance, images.var((0, 1, 2)), rtol=5e-3)


@pytest.fixture
def together(monkeypatch):
    two = Together()
    monkeypatch.setattr(replicas, "count", lambda: 2)
    monkeypatch.setattr(replicas, "_sum", two.total)
    return two


@pytest.mark.parametrize("options", [{}, {"center": False}, {"axis": 1}], ids=str)
def test_replicas_normalise_by_the_moments_of_all_rows(together, options):
    """Far from the running mean, 0, and with fewer rows on one of them."""
    random = np.random.default_rng(0)
    images = random.normal(20, 3, (5, 4, 6, 3)).astype("float32")
    layers = {2: FusedBatchNormalization(**options)}
    layers[3] = FusedBatchNormalization(**options)
    for layer in layers.values():
        layer.build(images.shape)
    outputs = together.run(
        lambda x: layers[len(x)](ops.convert_to_tensor(x), training=True),
        [images[:2], images[2:]],
    )
    stock = keras.layers.BatchNormalization(**options)
    expected = ops.convert_to_numpy(stock(images, training=True))
    found = np.concatenate([ops.convert_to_numpy(v) for v in outputs])
    np.testing.assert_allclose(found, expected, atol=5e-5)
    for layer in layers.values():
        for own, other in zip(layer.get_weights(), stock.get_weights(), strict=True):
            np.testing.assert_allclose(own, other, rtol=5e-5)
