import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_drmm.data.batch_plan import plan_batches

pytestmark = pytest.mark.once


@given(
    num_labelled=st.integers(1, 300),
    num_unlabelled=st.integers(0, 300),
    batch_size=st.integers(2, 130),
)
def test_default_share(num_labelled, num_unlabelled, batch_size):
    is_labelled, num_batches = plan_batches(
        num_labelled, num_unlabelled, batch_size, None
    )
    num_rows = num_labelled + num_unlabelled
    size = min(batch_size, num_rows)
    assert len(is_labelled) == size
    labelled = is_labelled.sum()
    if num_unlabelled == 0:
        assert labelled == size
        assert num_batches == num_labelled // size
        return
    assert 1 <= labelled <= size - 1
    if labelled < size - 1:
        assert labelled >= 0.16 * size
        assert labelled >= size * num_labelled / num_rows - 0.5
    else:
        assert max(0.16 * size, size * num_labelled / num_rows) >= size - 2
    # One pass: no row twice, and fewer than a batch's share left out.
    unlabelled = size - labelled
    assert num_batches >= 1
    assert 0 <= num_unlabelled - num_batches * unlabelled < unlabelled


@pytest.mark.parametrize(
    ("num_labelled", "batch_size", "labelled"),
    [(100, 100, 16), (100, 50, 8), (100, 32, 6), (9_599, 60, 10), (30_000, 100, 50)],
)
def test_default_is_that_of_the_tables(num_labelled, batch_size, labelled):
    """16 of 100 (rounded up), or the share of labelled rows among 60,000."""
    plan = plan_batches(num_labelled, 60_000 - num_labelled, batch_size, None)
    assert plan.is_labelled.sum() == labelled


@given(
    st.integers(2, 130).flatmap(
        lambda size: st.tuples(st.just(size), st.integers(1, size - 1))
    )
)
def test_every_part_of_a_batch_holds_its_share(sizes):
    size, labelled = sizes
    is_labelled, _ = plan_batches(labelled, 1000, size, labelled)
    assert is_labelled.sum() == labelled
    for length in range(1, size + 1):
        counts = np.convolve(is_labelled, np.ones(length, dtype=int), "valid")
        share = length * labelled / size
        assert counts.min() > share - 1
        assert counts.max() < share + 1


@pytest.mark.parametrize("batch_size", [0, -1, 1, 2.0])
def test_batch_size_out_of_range(batch_size):
    with pytest.raises(ValueError, match="must be an integer of at least 2, got"):
        plan_batches(10, 10, batch_size, None)


def test_batch_of_one_without_unlabelled_rows():
    is_labelled, num_batches = plan_batches(10, 0, 1, None)
    assert is_labelled.tolist() == [True]
    assert num_batches == 10


@pytest.mark.parametrize(
    ("num_unlabelled", "labelled_per_batch", "limits"),
    [
        (100, 0, "from 1 to 19"),
        (100, 20, "from 1 to 19"),
        (100, 2.5, "from 1 to 19"),
        (5, 14, "from 15 to 19"),
        (0, 19, "from 20 to 20"),
    ],
)
def test_labelled_per_batch_out_of_range(num_unlabelled, labelled_per_batch, limits):
    message = f"must be an integer {limits}, got {labelled_per_batch}"
    with pytest.raises(ValueError, match=re.escape(message)):
        plan_batches(50, num_unlabelled, 20, labelled_per_batch)
