"""Levels and learning settings that models of the zoo share."""

import keras
from keras import layers

from keras_drmm.layers import Level
from keras_drmm.learning import EG
from keras_drmm.learning.schedule import cosine_decay


def compile_drmm(model, training_steps):
    """Compile a nonnegative DRMM for EG, with a learning rate that falls to 0."""
    _compile(model, training_steps, nonnegativity=0.01)


def compile_factor_model(model, training_steps):
    """Compile an RFM or DRFM for EG; its z may be negative."""
    _compile(model, training_steps, nonnegativity=0)


def _compile(model, training_steps, nonnegativity):
    # Chosen by `recipes/ablation.py`. The posterior of the class must not see the
    # model's own nuisance, pixel noise.
    algorithm = EG(
        reconstruction=0.05,
        entropy=1.0,
        nonnegativity=nonnegativity,
        consistency=2.0,
        augmentation=layers.GaussianNoise(0.4, name="pixel_noise"),
        render_divisor=16,
        warmup_steps=1000,
    )
    optimizer = keras.optimizers.Adam(cosine_decay(4e-3, training_steps))
    model.compile(optimizer, algorithm=algorithm)


def lenet_levels(number):
    """Return the first `number` levels, like LeNet-5's: 20 and 50 templates of 5x5."""
    filters = (20, 50)[:number]
    return [
        Level(count, 5, padding="valid", pool_size=2, batch_norm=True)
        for count in filters
    ]
