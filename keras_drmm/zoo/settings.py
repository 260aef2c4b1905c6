"""The learning settings that models of the zoo share."""

import keras

from keras_drmm.learning import EG
from keras_drmm.learning.schedule import falling


def compile_drmm(model, training_steps):
    """Compile a nonnegative DRMM for EG, with a learning rate that falls to 0."""
    algorithm = EG(
        reconstruction=0.05,
        entropy=4.0,
        nonnegativity=0.01,
        marginal_chance=0.95,
        rows_per_render=4,
        warmup_steps=1000,
    )
    model.compile(_adam(4e-3, training_steps), algorithm=algorithm)


def compile_factor_model(model, training_steps):
    """Compile an RFM or DRFM for EG; its z may be negative."""
    algorithm = EG(nonnegativity=0, rows_per_render=4, warmup_steps=1000)
    model.compile(_adam(2e-3, training_steps), algorithm=algorithm)


def _adam(learning_rate, training_steps):
    return keras.optimizers.Adam(falling(learning_rate, training_steps))
