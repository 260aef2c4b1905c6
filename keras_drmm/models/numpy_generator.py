"""Random numbers that are the same on every backend."""

import keras
import numpy as np


def numpy_generator(seed=None):
    """Return a NumPy generator; without a seed Keras' global one gives it.

    Args:
        seed: an integer, or None to go on with `keras.utils.set_random_seed`'s.
    """
    if seed is None:
        seed = keras.random.randint((), 0, 2**31 - 1)
    return np.random.default_rng(int(seed))
