"""The learning rate of the zoo and the recipes."""

import keras

from keras_drmm.layers.arguments import standardize_integer, standardize_number
from keras_drmm.layers.deprecation import warn_renamed
from keras_drmm.learning.cosine_decay_over_fit import CosineDecayOverFit


def cosine_decay(learning_rate, training_steps):
    """Return a learning rate that falls to 0 along a cosine.

    Args:
        learning_rate: at the start.
        training_steps: the number of steps of the whole training, after which the rate
            is 0; None falls over each `fit`, however long it is.

    Raises:
        ValueError: an argument is out of range.
    """
    learning_rate = standardize_number(learning_rate, "learning_rate", above=0)
    if training_steps is None:
        return CosineDecayOverFit(learning_rate)
    return keras.optimizers.schedules.CosineDecay(
        learning_rate, standardize_integer(training_steps, "training_steps")
    )


def falling(learning_rate, training_steps):
    """Old name of `cosine_decay`."""
    warn_renamed("`falling`", "`cosine_decay`")
    return cosine_decay(learning_rate, training_steps)
