"""Labels of neighbours, against scikit-learn's classifier."""

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.neighbors import KNeighborsClassifier

from keras_drmm import DRFM, DRMM, RFM, RMM, Level
from keras_drmm.learning import neighbour_labels
from keras_drmm.learning import pseudo_labels as module

X = np.random.default_rng(0).random((60, 8, 8, 1)).astype("float32")


@pytest.fixture
def model():
    levels = [Level(6, 3, pool_size=2, batch_norm=True), Level(4, 3)]
    model = DRMM(levels, (8, 8, 1), 4)
    # So that posteriors differ.
    top = model.templates.templates
    top.assign(8 * ops.convert_to_tensor(top))
    return model


def features_of(model):
    """The first level's messages, averaged by a stock layer, centred."""
    messages = keras.layers.AveragePooling2D(2, padding="same")(model.levels[0](X))
    features = ops.convert_to_numpy(messages).reshape(len(X), -1)
    return features - features.mean(0)


@pytest.mark.smoke
@pytest.mark.parametrize("neighbours", [1, 3, 100])
def test_unsure_images_are_labelled_as_scikit_learn_does(
    monkeypatch, model, neighbours
):
    monkeypatch.setattr(module, "_ROWS", 7)
    posterior = keras.activations.softmax(model(X))
    posterior = ops.convert_to_numpy(posterior)
    own, confidence = posterior.argmax(1), float(np.median(posterior.max(1)))
    sure = posterior.max(1) > confidence
    assert 10 < sure.sum() < 50
    # Of some images the class is known, whatever the model's guess.
    y = np.where(np.arange(60) % 5 == 0, np.arange(60) // 5 % 4, -1)
    given = neighbour_labels(model, X, y, confidence, neighbours, batch_size=17)

    expected, sure = np.where(y >= 0, y, own), sure | (y >= 0)
    features = features_of(model)
    classifier = KNeighborsClassifier(
        min(neighbours, sure.sum()),
        # Which is 1 less the cosine.
        weights=lambda distance: 2 - distance,
        algorithm="brute",
        metric="cosine",
    )
    classifier.fit(features[sure], expected[sure])
    expected[~sure] = classifier.predict(features[~sure])
    np.testing.assert_array_equal(given, expected)


def test_a_sure_model_is_asked_alone(model):
    given = neighbour_labels(model, X, confidence=0)
    np.testing.assert_array_equal(given, ops.convert_to_numpy(model(X)).argmax(1))


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": X * 255}, "Scale the images"),
        ({"y": np.full(60, 4)}, "Labels must be -1"),
        ({"confidence": 1.0}, "`confidence` must be from 0 to below 1"),
        ({"confidence": 0.9999999}, "No image has a posterior above"),
        ({"neighbours": 0}, "`neighbours` must be an integer"),
        ({"batch_size": 0}, "`batch_size` must be an integer"),
    ],
)
def test_bad_input(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        neighbour_labels(model, **{"x": X, **arguments})


def levels():
    return [Level(6, 3, pool_size=2), Level(4, 3)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: DRMM(levels(), (9, 7, 1), 4, nonnegative=False),
        lambda: DRFM(levels(), (9, 7, 1), 4),
        lambda: RFM(levels()[0], (9, 7, 1), 4),
    ],
    ids=["signed", "DRFM", "RFM"],
)
def test_a_twin_decides_whatever_the_model(make):
    """An unsure image, of which one that is the same has a label, gets it."""
    x = np.repeat(np.random.default_rng(1).random((8, 9, 7, 1)), 2, 0)
    x = x.astype("float32")
    y = np.stack([np.arange(8) % 4, np.full(8, -1)], 1).reshape(-1)
    given = neighbour_labels(make(), x, y, confidence=0.999, neighbours=1)
    np.testing.assert_array_equal(given, np.repeat(np.arange(8) % 4, 2))


def test_half_precision_labels_nearly_the_same(model, half):
    y = np.where(np.arange(60) % 5 == 0, np.arange(60) // 5 % 4, -1)
    given = neighbour_labels(model, X, y, 0.999)
    twin = half(
        lambda: DRMM(
            [Level(6, 3, pool_size=2, batch_norm=True), Level(4, 3)], (8, 8, 1), 4
        )
    )
    twin.set_weights(model.get_weights())
    assert np.mean(neighbour_labels(twin, X, y, 0.999) == given) > 0.9


def test_models_without_levels_are_refused():
    with pytest.raises(TypeError, match="`model` must be a `DRMM`, got <RMM"):
        neighbour_labels(RMM((8, 8, 1), 2, 3), X)
