"""pseudo_label_quality: how many predictions are sure, and how many of them right."""

import numpy as np

from keras_drmm.evaluation.checks import standardize_labels, standardize_probabilities
from keras_drmm.layers.arguments import as_array


def pseudo_label_quality(probabilities, labels, thresholds=(0.5, 0.8, 0.9, 0.95, 0.99)):
    """Return the share and the accuracy of predictions above confidence thresholds.

    A method such as `baselines.PseudoLabel` or `FixMatch` learns from predictions as if
    they were labels. This says how many it has if it takes those above a threshold, and
    how many of them are right.

    The share is that of all rows. The accuracy is that of the rows whose label is
    known; it holds for the others if those were chosen at random, as validation rows
    are. Labels that the network learned do not belong here: give their rows -1 or leave
    them out.

    Args:
        probabilities: (N, K), each row adding up to 1; the confidence of a row is its
            largest.
        labels: integers (N,) from 0 to K - 1, or -1 where the label is not known.
        thresholds: numbers from 0 to 1. A row is above one if its confidence is at
            least that.

    Returns:
        A dictionary of arrays with an entry for each threshold: `threshold`; `share` of
        the rows above it; `known`, the number of rows above it whose label is known;
        `accuracy` of these, NaN if there are none.

    Raises:
        ValueError: an argument is not as described, or no label is known.

    Example:

    >>> probabilities = [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.05, 0.95]]
    >>> quality = pseudo_label_quality(probabilities, [0, 1, 1, -1], [0.5, 0.8])
    >>> quality["share"].tolist(), quality["accuracy"].round(2).tolist()
    ([1.0, 0.5], [0.67, 1.0])
    """
    probabilities = standardize_probabilities(probabilities)
    labels = standardize_labels(labels, probabilities, may_be_unknown=True)
    thresholds = as_array(thresholds, "thresholds")
    if (
        thresholds.ndim != 1
        or thresholds.size == 0
        or thresholds.dtype.kind not in "iuf"
        or not ((thresholds >= 0) & (thresholds <= 1)).all()
    ):
        raise ValueError(
            "`thresholds` must be a list of numbers from 0 to 1, got "
            f"{thresholds.tolist()}."
        )
    confidence = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    # (thresholds, N)
    above = confidence >= thresholds[:, None]
    known = (above & (labels >= 0)).sum(axis=1)
    right = (above & is_right).sum(axis=1)
    return {
        "threshold": thresholds.astype("float64"),
        "share": above.mean(axis=1),
        "known": known,
        "accuracy": np.where(known > 0, right / np.maximum(known, 1), np.nan),
    }
