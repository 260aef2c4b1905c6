"""`evaluate` measures what `predict` gives: labels do not reach what they measure."""

import keras
import numpy as np
import pytest
from scipy.special import log_softmax

from keras_drmm import DRFM, DRMM, EG, RFM, Level
from keras_drmm.baselines import SWWAE, FixMatch, Ladder, MeanTeacher, PseudoLabel
from keras_drmm.layers.augmentation import augment

RNG = np.random.default_rng(0)
X = RNG.random((24, 8, 8, 1)).astype("float32")
# Of no relation to the images.
Y = RNG.integers(0, 3, 24)
WEIGHTS = RNG.random(24).astype("float32")
SHAPE = {"input_shape": (8, 8, 1), "num_classes": 3}


def levels(**options):
    return [
        Level(4, 3, pool_size=2, **options),
        Level(6, 3, padding="valid", **options),
    ]


def drmm(**options):
    return DRMM(levels(), **SHAPE, **options)


def convnet():
    return drmm().to_convnet()


def eg(**options):
    return {"algorithm": EG(nonnegativity=0, **options)}


def brighter():
    """On PyTorch this layer of Keras changes the tensor that it is given."""
    return keras.layers.RandomBrightness((0.8, 1.0), value_range=(0, 1), seed=1)


LEARNERS = {
    "DRMM": lambda: (drmm(), eg()),
    "signed": lambda: (drmm(nonnegative=False), eg()),
    "DRFM": lambda: (DRFM(levels(), **SHAPE), eg()),
    "RFM": lambda: (RFM(Level(4, 3, pool_size=2), **SHAPE), eg()),
    "SWWAE": lambda: (SWWAE(levels(batch_norm=True), **SHAPE), {}),
    "Ladder": lambda: (Ladder(levels(batch_norm=True), **SHAPE), {}),
    "PseudoLabel": lambda: (PseudoLabel(convnet()), {}),
    "FixMatch": lambda: (FixMatch(convnet(), strong=brighter()), {}),
    "MeanTeacher": lambda: (MeanTeacher(convnet(), brighter()), {}),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_measures_are_those_of_the_predictions(name):
    keras.utils.set_random_seed(0)
    model, options = LEARNERS[name]()
    model.compile("adam", **options)
    logits = np.float64(model.predict(X, verbose=0))
    found = model.evaluate(
        X, Y, batch_size=10, sample_weight=WEIGHTS, verbose=0, return_dict=True
    )
    right = np.average(logits.argmax(axis=1) == Y, weights=WEIGHTS)
    assert found["accuracy"] == pytest.approx(right, abs=1e-6)
    losses = -log_softmax(logits, axis=1)[np.arange(24), Y]
    expected = np.average(losses, weights=WEIGHTS)
    assert found["cross_entropy"] == pytest.approx(expected, rel=1e-4)


def test_labels_choose_what_a_signed_model_renders_and_not_its_logits():
    keras.utils.set_random_seed(0)
    model = drmm(nonnegative=False)
    told, untold = (model.infer(X, labels) for labels in (Y, None))
    np.testing.assert_allclose(told.logits, untold.logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(told.classes, Y)
    np.testing.assert_array_equal(untold.classes, np.argmax(untold.logits, axis=1))
    others = told.classes != untold.classes
    assert others.any()
    for mine, theirs in zip(told.rendered, untold.rendered, strict=True):
        np.testing.assert_allclose(mine[~others], theirs[~others], rtol=1e-4, atol=1e-5)
    assert not np.allclose(told.reconstruction[others], untold.reconstruction[others])


@pytest.mark.parametrize("weights", ["sample_weight", "class_weight"])
def test_labels_in_a_column_take_weights(weights):
    """The shape that the labels of `keras.datasets.cifar10` have."""
    found = []
    for labels in (Y, Y[:, None]):
        keras.utils.set_random_seed(0)
        model = drmm()
        model.compile("sgd", algorithm=EG())
        given = {"sample_weight": WEIGHTS, "class_weight": {0: 3.0, 2: 0.5}}
        history = model.fit(
            X,
            labels,
            batch_size=12,
            verbose=0,
            shuffle=False,
            **{weights: given[weights]},
        ).history
        found.append((history["accuracy"], history["loss"], *model.get_weights()))
        measured = model.evaluate(X, labels, sample_weight=WEIGHTS, verbose=0)
        found[-1] += (measured,)
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("layer", "factor"),
    [
        (keras.layers.RandomBrightness, "factor"),
        (keras.layers.RandomColorJitter, "brightness_factor"),
    ],
)
def test_an_augmentation_leaves_the_batch_as_it_is(layer, factor):
    images = keras.ops.convert_to_tensor(np.repeat(X, 3, axis=-1))
    before = keras.ops.convert_to_numpy(images).copy()
    augmentation = layer(value_range=(0, 1), seed=0, **{factor: 0.5})
    changed = augment(augmentation, images, True)
    assert not np.allclose(keras.ops.convert_to_numpy(changed), before)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(images), before)
