"""The learning settings that models of the zoo share, chosen by `recipes/ablation.py`.

A model of one or two levels has features that change much with the pixels. Its
posterior of the class must therefore not see the model's own nuisance, pixel noise;
five levels gain nothing by that, and decide early instead.
"""

import keras
from keras import layers

from keras_drmm.learning import EG
from keras_drmm.learning.schedule import falling

_COMMON = {"reconstruction": 0.05, "rows_per_render": 16, "warmup_steps": 1000}


def compile_deep(model, training_steps):
    """Compile a DRMM of many levels for EG, with a learning rate that falls to 0."""
    _compile(model, training_steps, EG(entropy=4.0, nonnegativity=0.01, **_COMMON))


def compile_shallow(model, training_steps, nonnegativity=0.01):
    """Compile a model of one or two levels for EG, as `compile_deep` does.

    A factor model, whose z has both signs, takes a `nonnegativity` of 0.
    """
    algorithm = EG(
        entropy=1.0,
        nonnegativity=nonnegativity,
        consistency=2.0,
        nuisance=layers.GaussianNoise(0.4),
        **_COMMON,
    )
    _compile(model, training_steps, algorithm)


def _compile(model, training_steps, algorithm):
    optimizer = keras.optimizers.Adam(falling(4e-3, training_steps))
    model.compile(optimizer, algorithm=algorithm)
