"""reject_curve: the error if a classifier answers only where it is sure."""

import numpy as np

from keras_drmm.evaluation.checks import standardize_labels, standardize_probabilities


def reject_curve(probabilities, labels):
    r"""Return the error of the most confident rows against their share of all rows.

    For each confidence t that a row has, the rows with at least this confidence are
    answered and the others are left to a person:

    $$\mathrm{answered}(t) = \frac{1}{N} |\{n: c_n \ge t\}|, \qquad
    \mathrm{error}(t) = \frac{|\{n: c_n \ge t, \hat y_n \ne y_n\}|}{|\{n: c_n \ge
    t\}|}$$

    c_n is the largest probability of row n and ŷ_n its class. Rows of equal confidence
    are answered together.

    Args:
        probabilities: (N, K), each row adding up to 1.
        labels: integers (N,) from 0 to K - 1.

    Returns:
        A dictionary of three arrays, one entry for each confidence from the highest to
        the lowest: `threshold` t, `answered` and `error`, both from 0 to 1. The last
        entry is that of all rows.

    Raises:
        ValueError: probabilities or labels are not as described.

    Example:

    >>> probabilities = [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]]
    >>> curve = reject_curve(probabilities, [0, 1, 1])
    >>> curve["answered"].round(2).tolist(), curve["error"].round(2).tolist()
    ([0.33, 0.67, 1.0], [0.0, 0.0, 0.33])

    Source: Geifman, El-Yaniv (2017), "Selective Classification for Deep Neural
    Networks".
    """
    probabilities = standardize_probabilities(probabilities)
    labels = standardize_labels(labels, probabilities)
    confidence = probabilities.max(axis=1)
    is_wrong = probabilities.argmax(axis=1) != labels
    values, group = np.unique(-confidence, return_inverse=True)
    rows = np.bincount(group).cumsum()
    errors = np.bincount(group, weights=is_wrong).cumsum()
    return {
        "threshold": -values,
        "answered": rows / len(labels),
        "error": errors / rows,
    }
