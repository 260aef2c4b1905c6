"""Choice of an image for each class."""

import numpy as np


def first_of_each_class(labels, num_classes):
    """Return the index of the first image of each class.

    Args:
        labels: integers (N,).
        num_classes: number of classes.

    Raises:
        ValueError: a class has no image.
    """
    classes = np.arange(num_classes)
    missing = np.setdiff1d(classes, labels)
    if len(missing):
        raise ValueError(f"There is no image of the classes {missing.tolist()}.")
    return [int(np.argmax(labels == c)) for c in classes]
