"""Tiny baselines, and their formulas in NumPy."""

import keras
import numpy as np

from keras_drmm import Level
from keras_drmm.baselines import SWWAE, FixMatch, Ladder, MeanTeacher, PseudoLabel

RNG = np.random.default_rng(0)
X = RNG.random((8, 5, 5, 1)).astype("float32")
Y = np.array([0, -1, 2, -1, 1, -1, 0, -1])


def levels():
    """Sizes that pooling does not divide, every padding, with and without pooling."""
    return [
        Level(4, 3, padding="full", pool_size=2, batch_norm=True),
        Level(5, 3, padding="valid", batch_norm=True),
        Level(3, 1, batch_norm=True),
    ]


def network():
    image = keras.Input((5, 5, 1))
    hidden = keras.layers.Dense(6, "tanh")(keras.layers.Flatten()(image))
    return keras.Model(image, keras.layers.Dense(3)(hidden))


BASELINES = {
    "SWWAE": lambda: SWWAE(levels(), (5, 5, 1), 3, dropout=0.1, classifier_levels=1),
    "Ladder": lambda: Ladder(levels(), (5, 5, 1), 3, noise=0.2),
    "PseudoLabel": lambda: PseudoLabel(network(), alpha=0.5, t1=1, t2=3),
    "FixMatch": lambda: FixMatch(
        network(), keras.layers.GaussianNoise(0.2, seed=0), threshold=0.4
    ),
    "MeanTeacher": lambda: MeanTeacher(
        network(),
        keras.layers.GaussianNoise(0.2, seed=0),
        consistency=2.0,
        ramp_steps=4,
        decay=0.5,
    ),
}


def randomise(model):
    """Give a model weights of every kind, so that none is left at 0 or 1."""
    rng = np.random.default_rng(1)
    for variable in model.weights:
        if "seed" in variable.path or variable.path.endswith("steps"):
            continue
        noise = rng.normal(size=variable.shape)
        positive = variable.path.endswith(("variance", "gamma"))
        variable.assign(np.exp(0.3 * noise) if positive else 0.5 * noise)
    return model


def log_softmax(logits):
    logits = np.float64(logits) - np.max(logits, axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def cross_entropy(logits, labels):
    """Mean over the rows of -ln softmax at the label."""
    return -np.mean(log_softmax(logits)[np.arange(len(labels)), labels])
