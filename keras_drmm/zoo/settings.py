"""The learning settings that models of the zoo share."""

import keras

from keras_drmm.learning import EG
from keras_drmm.learning.schedule import falling


def compile_drmm(model, training_steps):
    """Compile a nonnegative DRMM for EG, with a learning rate that falls to 0."""
    algorithm = EG(
        reconstruction=0.05, nonnegativity=0.01, rows_per_render=4, warmup_steps=1000
    )
    model.compile(_adam(training_steps), algorithm=algorithm)


def compile_factor_model(model, training_steps):
    """Compile an RFM or DRFM for EG; its z may be negative."""
    algorithm = EG(nonnegativity=0, rows_per_render=4, warmup_steps=1000)
    model.compile(_adam(training_steps), algorithm=algorithm)


def _adam(training_steps):
    return keras.optimizers.Adam(falling(2e-3, training_steps))
