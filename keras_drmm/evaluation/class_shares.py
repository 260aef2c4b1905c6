"""class_shares: how many of the unlabelled images are of each class."""

import numpy as np
from scipy.stats import chisquare

from keras_drmm.evaluation.checks import standardize_probabilities
from keras_drmm.layers.arguments import as_array

# Of the test whether labels are drawn as the images are.
LEVEL = 0.01
# Half the sum of differences that matters: a classifier's errors move shares, too.
LEAST_DIFFERENCE = 0.1
# Largest change of a share after which EM ends, and sweeps after which it gives up.
_TOLERANCE, _MOST_SWEEPS = 1e-7, 10_000


def class_shares(probabilities, counts):
    r"""Estimate the shares of the classes among images from a classifier's posteriors.

    A classifier that learned from labels of shares π expects as many of each class
    again. EM finds the shares ρ of the images at hand, and so corrects it:

    $$q_{nk} = \frac{\rho_k / \pi_k \; p_{nk}}{\sum_j \rho_j / \pi_j \; p_{nj}},
    \qquad \rho_k \leftarrow \frac{1}{N} \sum_n q_{nk}$$

    They are where the likelihood of the images, $\prod_n \sum_k (\rho_k / \pi_k)
    p_{nk}$, is largest. The mean of p alone is too near to π where p is unsure.

    The shares of labels and images *differ* if Pearson's χ² test refuses at a level of
    0.01 that the labels were drawn as the images are, and half the sum of the
    differences of the shares is above 0.1, which a classifier's errors seldom reach.
    Such labels are no reason to stop, but `EG(marginal_kl=...)` pulls a model towards
    the wrong shares: leave it out, as `keras_drmm.zoo.for_images` does.

    Args:
        probabilities: (N, K), each row adding up to 1, of images that the classifier
            did not learn by heart: unlabelled ones.
        counts: integers (K,), how many labels of each class it learned from. The share
            of a class without labels is 0.

    Returns:
        A dictionary: `shares` ρ (K,); `label_shares` π (K,); `p_value` of the test;
        `differ`, whether they do.

    Raises:
        ValueError: an argument is not as described, or there is no label.

    Example:

    >>> probabilities = [[0.9, 0.1]] * 9 + [[0.1, 0.9]]
    >>> found = class_shares(probabilities, [50, 50])
    >>> found["shares"].round(2).tolist(), found["differ"]
    ([1.0, 0.0], True)

    Source: Saerens, Latinne, Decaestecker (2002), "Adjusting the Outputs of a
    Classifier to New a Priori Probabilities", equations (2.9).
    """
    probabilities = standardize_probabilities(probabilities)
    counts = _standardize_counts(counts, probabilities.shape[1])
    prior = counts / counts.sum()
    has_labels = counts > 0
    # p / π, by which images speak for classes; no row may be without any.
    ratios = np.maximum(probabilities[:, has_labels], 1e-12) / prior[has_labels]
    found = prior[has_labels]
    for _ in range(_MOST_SWEEPS):
        posterior = ratios * found
        posterior /= posterior.sum(axis=1, keepdims=True)
        before, found = found, posterior.mean(axis=0)
        if np.abs(found - before).max() < _TOLERANCE:
            break
    shares = np.zeros(len(counts))
    shares[has_labels] = found
    p_value = _p_value(counts[has_labels], found)
    difference = np.abs(shares - prior).sum() / 2
    return {
        "shares": shares,
        "label_shares": prior,
        "p_value": p_value,
        "differ": bool(p_value < LEVEL and difference > LEAST_DIFFERENCE),
    }


def _standardize_counts(counts, num_classes):
    counts = as_array(counts, "counts")
    if (
        counts.shape != (num_classes,)
        or counts.dtype.kind not in "iu"
        or counts.min() < 0
        or counts.max() == 0
    ):
        raise ValueError(
            f"`counts` must be a number of labels for each of the {num_classes} "
            f"classes, integers of at least 0 and not all 0, got {counts.tolist()}. "
            "Count labels by `np.bincount(y[y >= 0], minlength=K)`."
        )
    return counts.astype("int64")


def _p_value(counts, shares):
    """Return how likely such counts are of labels that have the images' shares."""
    if len(counts) == 1:
        return 1.0
    # EM's shares are above 0, if by little.
    expected = np.maximum(shares, 1e-12)
    expected *= counts.sum() / expected.sum()
    return float(chisquare(counts, expected).pvalue)
