"""Means over rows that have weights."""

from keras import ops

from keras_drmm.layers import replicas


def weighted_mean(values, weights=None):
    """Return the mean over rows, a row of weight w counting as w rows, and Σ w.

    Replicas that share a batch have the mean over the rows of all of them.

    Args:
        values: (B, ...).
        weights: (B,) or None for 1.

    Returns:
        (Σ_n w_n v_n / Σ_n w_n, of shape (...) and 0 if no row counts; Σ_n w_n).
    """
    if weights is None:
        weights = ops.ones((ops.shape(values)[0],))
    shape = (-1,) + (1,) * (len(values.shape) - 1)
    weighted = ops.sum(ops.reshape(weights, shape) * values, axis=0)
    total, weighted = replicas.totals([ops.sum(weights), weighted])
    # Any positive number keeps 0 / 0 away.
    return weighted / ops.where(total > 0, total, 1.0), total


def row_weights(maps, sample_weight=None):
    """Return what weighs the rows of maps (B, H, W, C): (B, 1, 1, 1), 1 for None."""
    if sample_weight is None:
        return ops.ones((ops.shape(maps)[0], 1, 1, 1))
    return ops.reshape(sample_weight, (-1, 1, 1, 1))
