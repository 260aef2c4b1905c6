"""Checks of logits, probabilities and labels, and their standard form."""

import numpy as np

from keras_drmm.layers.arguments import (
    as_array,
    check_labels,
    describe,
    standardize_class_names,
)

# Half precision keeps three digits, so a row of its probabilities misses 1 by this.
_SUM_TOLERANCE = 0.01


def standardize_logits(logits, name="logits"):
    """Return logits as float64 (N, K), with K of at least 2 classes.

    Args:
        logits: array of numbers.
        name: of the argument.

    Raises:
        ValueError: the shape is another one, or a value is NaN or infinite.
    """
    logits = as_array(logits, name)
    if logits.dtype.kind not in "biufV":
        raise ValueError(f"`{name}` must be real numbers, got {describe(logits)}.")
    if logits.ndim != 2 or logits.shape[0] < 1 or logits.shape[1] < 2:
        raise ValueError(
            f"`{name}` must have a row for each image and a column for each of at "
            f"least two classes, got shape {logits.shape}. Of two classes, both need "
            "a column."
        )
    logits = logits.astype("float64")
    if not np.isfinite(logits).all():
        row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
        raise ValueError(
            f"`{name}` must be finite, got {logits[row].tolist()} in row {row}. Look "
            "for NaN in the images and in the model's weights."
        )
    return logits


def are_probabilities(rows):
    """Return whether no entry of (N, K) is negative and every row adds up to 1."""
    return rows.min() >= 0 and np.abs(rows.sum(axis=1) - 1).max() <= _SUM_TOLERANCE


def check_no_probabilities(rows, name):
    """Raise if (N, K) that ought to be logits are probabilities.

    Args:
        rows: what a model returned.
        name: of the model.
    """
    if are_probabilities(rows):
        raise ValueError(
            f"`{name}` must return logits, but its outputs are probabilities. Leave "
            "out the softmax of its last layer."
        )


def standardize_probabilities(probabilities):
    """Return probabilities as float64 (N, K), with K of at least 2 classes.

    Args:
        probabilities: array of numbers.

    Raises:
        ValueError: as of `standardize_logits`, or a row is no distribution.
    """
    probabilities = standardize_logits(probabilities, "probabilities")
    if not are_probabilities(probabilities):
        raise ValueError(
            "`probabilities` must not be negative and each row must add up to 1, got "
            f"values from {probabilities.min()} to {probabilities.max()} and sums "
            f"from {probabilities.sum(axis=1).min()} to "
            f"{probabilities.sum(axis=1).max()}. Turn logits into probabilities by "
            "`scipy.special.softmax(logits, axis=1)`."
        )
    return probabilities


def standardize_labels(labels, rows, may_be_unknown=False):
    """Return labels as integers (N,).

    Args:
        labels: array of (N,) or (N, 1).
        rows: logits or probabilities (N, K).
        may_be_unknown: whether -1 is allowed. At least one label is known then.

    Raises:
        ValueError: the shape is another one, or a label is no class.
    """
    labels = as_array(labels, "labels")
    check_labels(labels, *rows.shape)
    labels = labels.reshape(-1).astype("int64")
    unknown = int((labels < 0).sum())
    if unknown and not may_be_unknown:
        raise ValueError(
            f"`labels` must be known, got {unknown} that are -1. Leave these rows out."
        )
    if unknown == len(labels):
        raise ValueError("`labels` must have a known one, got -1 in all rows.")
    return labels


def names_or_numbers(class_names, num_classes):
    """Return a name for each class, its number by default.

    Raises:
        ValueError: the names are no different strings, or are too many or too few.
    """
    if class_names is None:
        return [str(c) for c in range(num_classes)]
    return standardize_class_names(class_names, num_classes)
