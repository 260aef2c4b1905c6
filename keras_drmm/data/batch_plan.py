"""How labelled and unlabelled rows share the batches of an epoch."""

import math
from typing import NamedTuple

import numpy as np

from keras_drmm.data.integers import is_integer


class BatchPlan(NamedTuple):
    """The composition that all batches of a data set have.

    Attributes:
        is_labelled: Which places of a batch hold labelled rows, boolean, of shape
            (batch size,).
        num_batches: Number of batches of an epoch.
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
        num_labelled: Number of labelled rows, at least 1.
        num_unlabelled: Number of unlabelled rows.
        batch_size: Number of rows of a batch. If there are fewer rows in all, the
            batch is as small as that.
        labelled_per_batch: Number of labelled rows of a batch. By default a quarter
            of the batch or the share that labelled rows have in the data, whichever
            is more, but never all of it if there are unlabelled rows.

    Returns:
        The plan. Its labelled places are spread so evenly that every contiguous part
        of the batch holds its share of them, rounded down or up. A batch that is
        split over several devices therefore gives each of them labelled rows.

    Raises:
        ValueError: If `batch_size` or `labelled_per_batch` is out of range.
    """
    smallest = 2 if num_unlabelled else 1
    if not is_integer(batch_size) or batch_size < smallest:
        raise ValueError(
            f"batch_size must be an integer from {smallest} on, but it is "
            f"{batch_size!r}. A batch holds at least one labelled row, and one "
            "unlabelled row if there are any."
        )
    num_rows = num_labelled + num_unlabelled
    size = min(batch_size, num_rows)
    # An epoch is one pass over the unlabelled rows, so that they fill a batch at least.
    fewest = max(1, size - num_unlabelled)
    most = size - 1 if num_unlabelled else size
    if labelled_per_batch is None:
        share = max(math.ceil(size / 4), round(size * num_labelled / num_rows))
        labelled_per_batch = min(share, most)
    elif not is_integer(labelled_per_batch) or not (
        fewest <= labelled_per_batch <= most
    ):
        raise ValueError(
            f"labelled_per_batch must be an integer from {fewest} to {most}, but it is "
            f"{labelled_per_batch!r}: a batch of {size} rows is made of {num_labelled} "
            f"labelled and {num_unlabelled} unlabelled rows."
        )
    labelled_before = np.arange(size + 1) * labelled_per_batch // size
    if num_unlabelled:
        num_batches = num_unlabelled // (size - labelled_per_batch)
    else:
        num_batches = num_labelled // size
    return BatchPlan(np.diff(labelled_before) == 1, num_batches)
