"""Explanations of converted stock convnets are those of the stock convnet itself."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_drmm import DRMM, analysis
from tests.convert.test_from_convnet import scatter
from tests.kernels.differentiate import vector_jacobian

pytestmark = pytest.mark.every_backend
X = np.random.default_rng(5).random((5, 9, 8, 1)).astype("float32")
LABELS = np.array([0, 1, 2, 0, 1])


def normalised():
    """Normalisation with a bias, a stride, a pool that does not divide, a Flatten."""
    return [
        layers.Conv2D(4, 3),
        layers.BatchNormalization(epsilon=0.1),
        layers.ReLU(),
        layers.Conv2D(5, 3, strides=2, use_bias=False, padding="same"),
        layers.BatchNormalization(center=False),
        layers.Activation("relu"),
        layers.MaxPooling2D(2, padding="same"),
        layers.Flatten(),
        layers.Dense(3),
    ]


def hidden():
    """A hidden Dense, and a softmax that the logits are without."""
    return [
        layers.Conv2D(4, 2, activation="relu"),
        layers.MaxPooling2D((2, 1)),
        layers.Flatten(),
        layers.Dense(7, activation="relu"),
        layers.Dense(3),
    ]


def averaged():
    """Explicit zeros and a mean over the places."""
    return [
        layers.ZeroPadding2D((2, 1)),
        layers.Conv2D(4, (3, 2), activation="relu"),
        layers.Conv2D(6, 3, activation="relu"),
        layers.MaxPooling2D(2, padding="same"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
    ]


STOCK = {
    f.__name__: scatter(keras.Sequential([keras.Input(X.shape[1:]), *f()]))
    for f in (normalised, hidden, averaged)
}
MODELS = {name: DRMM.from_convnet(stock) for name, stock in STOCK.items()}


def assert_maps_are_gradients(stock, images, *methods):
    """Maps of evidence against what the backend's own derivative makes of the stock."""
    model = DRMM.from_convnet(stock)
    logits = ops.convert_to_numpy(stock(images, training=False))
    first, second = np.argsort(-logits, axis=1)[:, :2].T
    eye = np.eye(logits.shape[1], dtype="float32")
    gradient = vector_jacobian(
        lambda images: stock(images, training=False), images, eye[first] - eye[second]
    )
    wanted = {"gradient": np.abs(gradient), "contribution": images * gradient}
    for method in methods:
        maps = wanted[method].sum(axis=-1)
        scale = np.abs(maps).max()
        assert scale > 0
        found = analysis.evidence(model, images, method)
        np.testing.assert_allclose(found / scale, maps / scale, atol=1e-4)


@pytest.mark.parametrize("name", STOCK)
def test_evidence_is_the_gradient_of_the_stock_convnet(name):
    assert_maps_are_gradients(STOCK[name], X, "gradient", "contribution")


def test_evidence_of_vgg16_is_its_gradient():
    """All 16 layers of a stock application, on images of 64x64."""
    stock = scatter(
        keras.applications.VGG16(
            weights=None,
            input_shape=(64, 64, 3),
            classes=10,
            classifier_activation=None,
        )
    )
    images = np.random.default_rng(0).random((5, 64, 64, 3)).astype("float32")
    assert_maps_are_gradients(stock, images, "contribution")


@pytest.mark.parametrize("name", STOCK)
def test_active_paths_add_up_to_the_logits_of_the_stock_convnet(name):
    paths = analysis.ActivePaths(MODELS[name], X[0])
    wanted = STOCK[name].predict(X[:1], verbose=0)[0]
    np.testing.assert_allclose(paths.logits(), wanted, rtol=1e-4, atol=1e-5)
    assert paths.label == wanted.argmax()


@pytest.mark.parametrize("name", STOCK)
def test_deletion_and_activity_are_those_of_the_stock_convnet(name):
    model, stock = MODELS[name], STOCK[name]
    maps = analysis.evidence(model, X)
    own = analysis.deletion_insertion(model, X, maps, steps=4)
    other = analysis.deletion_insertion(stock, X, maps, steps=4)
    for found, wanted in zip(own, other, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)
    images = analysis.maximise_activity(model, [0, 1, 2], norm=6.0, steps=10)
    norms = np.linalg.norm(X.reshape(len(X), -1), axis=1)
    others = stock.predict(X * (6 / norms)[:, None, None, None], verbose=0)
    own = np.diag(stock.predict(images, verbose=0))
    assert (own > others.max(axis=0)).all()


@pytest.mark.parametrize("name", STOCK)
def test_pictures_show_the_stock_convnet(name, monkeypatch):
    drawn = {}

    def keep(rows, pixel_range, path):
        drawn[path] = list(rows.values())

    for module in ("filters", "grid", "reconstructions", "rendered_filters", "samples"):
        monkeypatch.setattr(f"keras_drmm.analysis.{module}.save_grid", keep)
    model = MODELS[name]
    first = next(v for v in STOCK[name].layers if isinstance(v, layers.Conv2D))
    kernel = ops.convert_to_numpy(first.kernel)
    scaled = kernel / np.abs(kernel).max(axis=(0, 1, 2))
    analysis.plot_filters(model, "filters", columns=4)
    (row,) = drawn["filters"]
    np.testing.assert_allclose(2 * row - 1, np.moveaxis(scaled, 3, 0), atol=1e-6)
    # As pixels, in the middle of an image, the first level has the same templates.
    analysis.plot_rendered_filters(model, "rendered", columns=4)
    assert len(drawn["rendered"]) == len(model.levels)
    for picture, template in zip(drawn["rendered"][0], row, strict=True):
        inside = np.abs(picture - 0.5) > 1e-6
        shown = np.abs(template - 0.5) > 1e-6
        np.testing.assert_allclose(
            np.sort(picture[inside]), np.sort(template[shown]), atol=1e-6
        )
    analysis.plot_reconstructions(model, X, LABELS, "reconstructions")
    images, reconstructed, *_ = drawn["reconstructions"]
    np.testing.assert_array_equal(images, X[:3])
    rendered = [analysis.ActivePaths(model, image).render() for image in X[:3]]
    np.testing.assert_allclose(reconstructed, rendered, rtol=1e-4, atol=1e-5)
    analysis.plot_nuisance_transfer(model, X, LABELS, "transfer")
    for number, row in enumerate(drawn["transfer"]):
        np.testing.assert_array_equal(row[0], X[number])
        for label in range(3):
            switches = model.infer(X[number : number + 1]).switches
            wanted = model.render([label], switches)[0]
            np.testing.assert_allclose(row[1 + label], wanted, rtol=1e-4, atol=1e-5)
