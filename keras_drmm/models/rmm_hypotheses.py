"""Scores of all hypotheses (c, g, a) of an RMM: (B, |C|, |G|, 1 or 2)."""

import math

from keras import ops

# Below the log-probability of anything, and finite: no NaN comes of it.
_IMPOSSIBLE = -1e30


def join(scores):
    """List the hypotheses in one axis, (B, |C|, |G|, s) -> (B, |C| |G| s)."""
    return ops.reshape(scores, (-1, math.prod(scores.shape[1:])))


def clamp(scores, labels):
    """Make the classes that a label excludes impossible.

    Args:
        scores: (B, |C|, |G|, s).
        labels: integers (B,) or (B, 1), -1 for an unlabelled row, or None.
    """
    if labels is None:
        return scores
    labels = ops.reshape(ops.cast(labels, "int32"), (-1, 1, 1, 1))
    classes = ops.reshape(ops.arange(scores.shape[1], dtype="int32"), (1, -1, 1, 1))
    possible = ops.logical_or(labels < 0, labels == classes)
    return ops.where(possible, scores, _IMPOSSIBLE)
