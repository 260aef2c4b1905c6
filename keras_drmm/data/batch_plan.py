"""Numbers of labelled and unlabelled rows in the batches of an epoch."""

import math
from typing import NamedTuple

import numpy as np

from keras_drmm.layers.arguments import is_integer


class BatchPlan(NamedTuple):
    """The composition of every batch of a data set.

    Attributes:
        is_labelled: whether each place of a batch holds a labelled row, of shape
            (batch size,).
        num_batches: number of batches in an epoch.
    """

    is_labelled: np.ndarray
    num_batches: int


def plan_batches(
    num_labelled: int,
    num_unlabelled: int,
    batch_size: int,
    labelled_per_batch: int | None,
) -> BatchPlan:
    """Choose the composition of the batches.

    Args:
        num_labelled: number of labelled rows, at least 1.
        num_unlabelled: number of unlabelled rows.
        batch_size: number of rows in a batch. If there are fewer rows in total, the
            batch has all of them.
        labelled_per_batch: number of labelled rows in a batch. By default this is
            16 % of the batch (rounded up), as in the tables, or the share of labelled
            rows in the data, whichever is larger, but never the whole batch if there
            are unlabelled rows.

    Returns:
        The plan. Its labelled places are spread so evenly that every contiguous part
        of the batch holds its share of them, rounded down or up. When a batch is split
        over several devices, each of them therefore gets labelled rows.

    Raises:
        ValueError: `batch_size` or `labelled_per_batch` is out of range.
    """
    smallest = 2 if num_unlabelled else 1
    if not is_integer(batch_size) or batch_size < smallest:
        raise ValueError(
            f"`batch_size` must be an integer of at least {smallest}, got "
            f"{batch_size!r}. A batch holds at least one labelled row, and one "
            "unlabelled row if there are any."
        )
    num_rows = num_labelled + num_unlabelled
    size = min(batch_size, num_rows)
    # An epoch is one pass over the unlabelled rows, so they must fill at least a batch.
    fewest = max(1, size - num_unlabelled)
    most = size - 1 if num_unlabelled else size
    if labelled_per_batch is None:
        share = max(math.ceil(16 * size / 100), round(size * num_labelled / num_rows))
        labelled_per_batch = min(share, most)
    elif not is_integer(labelled_per_batch) or not (
        fewest <= labelled_per_batch <= most
    ):
        raise ValueError(
            f"`labelled_per_batch` must be an integer from {fewest} to {most}, got "
            f"{labelled_per_batch!r}: batches of {size} rows are made from "
            f"{num_labelled} labelled and {num_unlabelled} unlabelled rows."
        )
    labelled_before = np.arange(size + 1) * labelled_per_batch // size
    if num_unlabelled:
        num_batches = num_unlabelled // (size - labelled_per_batch)
    else:
        num_batches = num_labelled // size
    return BatchPlan(np.diff(labelled_before) == 1, num_batches)
