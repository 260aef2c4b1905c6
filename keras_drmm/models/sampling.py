"""What every model draws samples with, the same on every backend."""

import keras
import numpy as np
from keras import ops

from keras_drmm.layers.arguments import (
    standardize_classes,
    standardize_seed,
)


def numpy_generator(seed=None):
    """Return a NumPy generator; without a seed Keras' global one gives it.

    Args:
        seed: an integer of at least 0, or None to go on with
            `keras.utils.set_random_seed`'s.
    """
    seed = standardize_seed(seed)
    if seed is None:
        seed = keras.random.randint((), 0, 2**31 - 1)
    return np.random.default_rng(int(seed))


# Images that are rendered at a time.
BATCH = 100


def row_parts(n):
    """Return slices of at most `BATCH` rows that make up n."""
    return [slice(i, min(i + BATCH, n)) for i in range(0, max(n, 1), BATCH)]


def draw_classes(n, classes, prior, random):
    """Return the classes of `n` samples: those given, or draws from π_c.

    Raises:
        ValueError: `classes` are not n classes.
    """
    prior = ops.convert_to_numpy(prior).astype("float64")
    if classes is None:
        return random.choice(len(prior), n, p=prior / prior.sum())
    return standardize_classes(classes, n, len(prior))


def with_noise(images, variance, random):
    """Add the pixel noise N(0, σ²) to rendered images, a NumPy array."""
    deviation = np.sqrt(ops.convert_to_numpy(variance))
    return images + (random.normal(size=images.shape) * deviation).astype(images.dtype)
