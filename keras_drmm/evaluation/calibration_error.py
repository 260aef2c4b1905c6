"""calibration_error: how far confidence and accuracy are apart."""

from typing import NamedTuple

import numpy as np

from keras_drmm.evaluation.checks import standardize_labels, standardize_probabilities
from keras_drmm.layers.arguments import standardize_integer


class Bins(NamedTuple):
    """Rows by confidence: number, mean confidence and accuracy of each bin, (M,)."""

    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


def calibration_error(probabilities, labels, bins=15):
    r"""Return the expected calibration error of a classifier.

    $$\mathrm{ECE} = \sum_{m=1}^{M} \frac{|B_m|}{N} \left| \mathrm{acc}(B_m) -
    \mathrm{conf}(B_m) \right|$$

    The confidence of a row is its largest probability. B_m has the rows whose
    confidence is in ((m - 1) / M, m / M]; acc is the share of them whose most probable
    class is their label, and conf is their mean confidence. 0 is best: of the rows
    with a confidence of 80 %, 80 % are then classified right.

    Chance alone makes the ECE of a few rows positive: a perfectly calibrated
    classifier has about 0.05 with 100 rows.

    Args:
        probabilities: (N, K), each row adding up to 1.
        labels: integers (N,) from 0 to K - 1.
        bins: M, the number of bins.

    Returns:
        The error, a float from 0 to 1.

    Raises:
        ValueError: probabilities or labels are not as described, or `bins` is no
            integer of at least 1.

    Example:

    >>> probabilities = [[0.8, 0.2], [0.8, 0.2], [0.2, 0.8], [0.2, 0.8]]
    >>> round(calibration_error(probabilities, [0, 0, 1, 0]), 4)  # 75 % are right
    0.05

    Source: Guo, Pleiss, Sun, Weinberger (2017), "On Calibration of Modern Neural
    Networks", equations (2) and (5).
    """
    found = bin_by_confidence(probabilities, labels, bins)
    gaps = np.abs(found.accuracy - found.confidence)
    return float(np.average(gaps, weights=found.counts))


def bin_by_confidence(probabilities, labels, bins):
    """Return the `Bins` of `calibration_error`, 0 where a bin is empty."""
    probabilities = standardize_probabilities(probabilities)
    labels = standardize_labels(labels, probabilities)
    bins = standardize_integer(bins, "bins")
    confidence = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    # Rounding may leave a confidence just above 1.
    number = np.minimum(np.ceil(confidence * bins).astype(int), bins) - 1
    counts, confidences, right = (
        np.bincount(number, weights=v, minlength=bins)
        for v in (np.ones(len(labels)), confidence, is_right)
    )
    filled = np.maximum(counts, 1)
    return Bins(counts.astype(int), confidences / filled, right / filled)
