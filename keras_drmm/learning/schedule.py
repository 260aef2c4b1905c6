"""The learning rate of the recipes."""

import keras


def falling(learning_rate, training_steps):
    """Return a learning rate that falls to 0 along a cosine.

    Args:
        learning_rate: at the start.
        training_steps: steps of the whole training, after which it is 0; None keeps it
            constant.
    """
    if training_steps is None:
        return learning_rate
    return keras.optimizers.schedules.CosineDecay(learning_rate, training_steps)
