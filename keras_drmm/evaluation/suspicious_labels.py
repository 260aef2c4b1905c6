"""suspicious_labels: labelled rows whose label may be wrong."""

import numpy as np

from keras_drmm.evaluation.checks import standardize_labels, standardize_probabilities
from keras_drmm.layers.arguments import standardize_integer


def suspicious_labels(probabilities, labels, count=25):
    r"""Return the labelled rows whose label the model finds least probable.

    $$t_k = \frac{1}{|\{n: y_n = k\}|} \sum_{n: y_n = k} p_{nk}$$

    is the probability that the model usually gives to a label k. Rows are ordered by
    how far the probability of their label is below it, $p_{n y_n} - t_{y_n}$, so that a
    class of which the model is never sure does not fill the list. A row is *flagged*
    if, among the classes with $p_{nk} \ge t_k$, another one than its label is the most
    probable: confident learning counts it as an error.

    A network that learned a wrong label by heart does not doubt it. The list is best
    with probabilities of rows that the network did not learn, from cross-validation.

    Args:
        probabilities: (N, K), each row adding up to 1.
        labels: integers (N,) from 0 to K - 1. Rows with -1 are never in the list.
        count: length of the list, or all labelled rows if there are fewer.

    Returns:
        A dictionary of arrays with an entry for each row of the list, the most
        suspicious first: `row`, its index; `label`; `suggested`, the most probable
        other class; `probability` of the label; `threshold` t of its class; `flagged`.

    Raises:
        ValueError: an argument is not as described, or all labels are -1.

    Example:

    >>> probabilities = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9]]
    >>> found = suspicious_labels(probabilities, [0, 0, 0, 1], count=1)
    >>> found["row"].tolist(), found["flagged"].tolist()
    ([2], [True])

    Source: Northcutt, Jiang, Chuang (2021), "Confident Learning: Estimating Uncertainty
    in Dataset Labels", section 3.1.
    """
    probabilities = standardize_probabilities(probabilities)
    labels = standardize_labels(labels, probabilities, may_be_unknown=True)
    count = standardize_integer(count, "count")
    known = np.flatnonzero(labels >= 0)
    labels, probabilities = labels[known], probabilities[known]
    rows = np.arange(len(known))
    own = probabilities[rows, labels]
    # No row reaches the threshold of a class without labels.
    thresholds = np.full(probabilities.shape[1], np.inf)
    for k in np.unique(labels):
        thresholds[k] = own[labels == k].mean()
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    flagged = (reached.max(axis=1) >= 0) & (reached.argmax(axis=1) != labels)
    others = probabilities.copy()
    others[rows, labels] = -1
    order = np.argsort(own - thresholds[labels], kind="stable")[:count]
    return {
        "row": known[order],
        "label": labels[order],
        "suggested": others.argmax(axis=1)[order],
        "probability": own[order],
        "threshold": thresholds[labels][order],
        "flagged": flagged[order],
    }
