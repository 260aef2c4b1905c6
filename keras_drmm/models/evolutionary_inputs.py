"""What users give evolutionary trees and forests: labels, classes, seeds."""

import keras
import numpy as np
from keras import ops

from keras_drmm.models import checks


def choose(logits, labels):
    """Return the label where there is one, else the most probable class."""
    classes = logits.argmax(axis=-1).astype("int32")
    if labels is None:
        return classes
    labels = ops.convert_to_numpy(labels).reshape(-1).astype("int32")
    return np.where(labels >= 0, labels, classes)


def check_arrays(x):
    """Raise unless images come as one array."""
    if not hasattr(x, "shape"):
        raise ValueError(
            f"A tree grows from all images at once, got a {type(x).__name__}. Join "
            "the batches of a data set: `fit(images, labels)` takes arrays."
        )


def check_classes(classes, n, num_classes):
    """Raise unless `classes` are n classes, none of them unknown."""
    checks.check_labels(classes, n, num_classes, needs_labels=True)
    if classes.min() < 0:
        raise ValueError("Classes to render must be 0 or more, got -1.")


def random_generator(seed):
    """Return a NumPy generator; without a seed Keras' global one gives it."""
    if seed is None:
        seed = keras.random.randint((), 0, 2**31 - 1)
    return np.random.default_rng(int(seed))
