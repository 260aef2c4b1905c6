"""Checks of arguments; each error says what to give instead."""

import numpy as np


def is_integer(value):
    """Return whether `value` is an integer of Python or NumPy; a bool is not."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def standardize_integer(value, name, minimum=1):
    """Return `value` as an int if it is an integer (no bool) of at least `minimum`."""
    if not is_integer(value) or value < minimum:
        raise ValueError(
            f"`{name}` must be an integer of at least {minimum}, got {value!r}."
        )
    return int(value)


def standardize_pair(value, name):
    """Return `value` as a pair of positive integers; an integer counts twice."""
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or not all(is_integer(v) and v > 0 for v in pair):
        raise ValueError(
            f"`{name}` must be a positive integer or a pair of them, got {value!r}."
        )
    return int(pair[0]), int(pair[1])


def check_labels(labels, num_images, num_classes=None):
    """Raise unless `labels` are integers, one for each image, from -1 on.

    Args:
        labels: NumPy array of shape (n,) or (n, 1); -1 marks an unlabelled image.
        num_images: number of images, which n must equal.
        num_classes: labels must be less than this; None allows all that fit in int32.

    Raises:
        ValueError: the labels have another shape, type or range.
    """
    if labels.shape not in ((num_images,), (num_images, 1)):
        raise ValueError(
            f"Labels must be one integer for each of the {num_images} images, got "
            f"shape {labels.shape}. Turn one-hot rows into classes by `y.argmax(-1)`."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"Labels must be integers (-1: unlabelled), got dtype {labels.dtype}. "
            "Convert whole numbers by `y.astype('int32')`."
        )
    if num_images == 0:
        raise ValueError("There is no row: give at least one label.")
    highest = (2**31 if num_classes is None else num_classes) - 1
    # As Python's integers, which unsigned ones of NumPy do not overflow.
    first, last = int(labels.min()), int(labels.max())
    if first < -1 or last > highest:
        raise ValueError(
            f"Labels must be -1 (unlabelled) to {highest}, got values from {first} to "
            f"{last}. Number the classes from 0."
        )
