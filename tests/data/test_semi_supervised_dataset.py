import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_drmm.data import semi_supervised


def make(num_rows, num_labels, **arguments):
    """A data set of 2 classes whose images hold the number of their row."""
    rows = np.arange(num_rows)
    x = np.repeat(np.stack([rows // 256, rows % 256], -1), 2, 0).reshape(-1, 2, 2)
    return semi_supervised(x.astype("uint8"), rows % 2, num_labels, **arguments)


def rows_of(images):
    pixels = np.rint(images[:, 0, :, 0] * 255).astype(int)
    return pixels @ [256, 1]


def epoch_of(dataset):
    """All labelled and unlabelled rows of an epoch, in order."""
    images, labels = map(np.concatenate, zip(*dataset, strict=True))
    rows = rows_of(images)
    return rows[labels >= 0], rows[labels < 0]


def test_batches_are_the_scaled_images_and_labels():
    dataset = make(600, 40, batch_size=20)
    labelled = set(dataset.labelled_indices.tolist())
    for images, labels in dataset:
        assert images.shape == (20, 2, 2, 1)
        assert images.dtype == np.float32
        assert labels.dtype == np.int32
        rows = rows_of(images)
        np.testing.assert_array_equal(images[:, 0], images[:, 1])
        expected = [row % 2 if row in labelled else -1 for row in rows.tolist()]
        assert labels.tolist() == expected
    shown = dataset.shown_labels
    assert shown.dtype == np.int32
    assert shown.tolist() == [row % 2 if row in labelled else -1 for row in range(600)]


@given(
    num_rows=st.integers(8, 120),
    num_labels=st.integers(2, 8),
    batch_size=st.integers(2, 40),
    seed=st.integers(0, 1000),
)
def test_epoch_is_a_pass_and_labelled_rows_are_even(
    num_rows, num_labels, batch_size, seed
):
    dataset = make(num_rows, num_labels, batch_size=batch_size, seed=seed)
    repeats = np.zeros(num_rows, dtype=int)
    for epoch in range(3):
        dataset.epoch = epoch
        labelled, unlabelled = epoch_of(dataset)
        if len(dataset.unlabelled_indices):
            assert len(set(unlabelled.tolist())) == len(unlabelled)
            assert set(unlabelled.tolist()) <= set(dataset.unlabelled_indices.tolist())
            left_out = len(dataset.unlabelled_indices) - len(unlabelled)
            assert 0 <= left_out < len(unlabelled) // len(dataset)
        else:
            assert len(set(labelled.tolist())) == len(labelled)
            assert 0 <= num_rows - len(labelled) < min(batch_size, num_rows)
        repeats += np.bincount(labelled, minlength=num_rows)
    counts = repeats[dataset.labelled_indices]
    assert repeats.sum() == counts.sum()
    if len(dataset.unlabelled_indices):
        # Even over all batches so far, not only over those of one epoch.
        assert np.ptp(counts) <= 1


def test_few_rows_make_one_smaller_batch():
    dataset = make(9, 2, batch_size=100)
    assert len(dataset) == 1
    images, labels = dataset[0]
    assert len(images) == 9
    assert (labels >= 0).sum() == 2  # 16 % of 9, rounded up


def test_order_is_new_in_each_epoch_and_so_are_the_rows_left_out():
    dataset = make(500, 10, batch_size=100, labelled_per_batch=1)
    orders = []
    for epoch in range(3):
        dataset.epoch = epoch
        orders.append(epoch_of(dataset)[1].tolist())
    assert [len(order) for order in orders] == [4 * 99] * 3
    assert len({tuple(order) for order in orders}) == 3
    assert len({frozenset(order) for order in orders}) == 3


def test_labelled_only_epochs_differ():
    dataset = make(105, None, batch_size=10)
    assert len(dataset) == 10
    first, unlabelled = epoch_of(dataset)
    assert len(unlabelled) == 0
    dataset.on_epoch_end()
    second, _ = epoch_of(dataset)
    assert first.tolist() != second.tolist()
    assert set(first.tolist()) != set(second.tolist())


def test_epoch_alone_sets_the_order():
    one = make(200, 10, batch_size=20, seed=5)
    for _ in range(4):
        one.on_epoch_end()
    assert one.epoch == 4
    # Here the batches are asked for backwards, and without the epochs before.
    other = make(200, 10, batch_size=20, seed=5)
    other.epoch = 4
    for index in reversed(range(len(other))):
        for mine, expected in zip(one[index], other[index], strict=True):
            np.testing.assert_array_equal(mine, expected)
    different = make(200, 10, batch_size=20, seed=6)
    different.epoch = 4
    assert epoch_of(different)[1].tolist() != epoch_of(one)[1].tolist()


def test_batch_size_changes_neither_draw_nor_unlabelled_order():
    small, large = make(300, 2, batch_size=10), make(300, 2, batch_size=30)
    assert small.labelled_indices.tolist() == large.labelled_indices.tolist()
    # One order of the 298 unlabelled rows, cut to 8 or 25 for each batch.
    orders = [epoch_of(dataset)[1].tolist() for dataset in (small, large)]
    assert [len(order) for order in orders] == [37 * 8, 11 * 25]
    assert orders[0][: 11 * 25] == orders[1]


def test_threads_get_the_same_batches():
    dataset = make(600, 10, batch_size=10)
    expected = [rows_of(images).tolist() for images, _ in dataset]
    fresh = make(600, 10, batch_size=10)
    with ThreadPoolExecutor(4) as executor:
        batches = executor.map(fresh.__getitem__, range(len(fresh)))
        assert [rows_of(images).tolist() for images, _ in batches] == expected


def test_copy_in_another_process_gets_the_same_batches():
    dataset = make(60, 10, batch_size=10)
    dataset.epoch = 2
    copy = pickle.loads(pickle.dumps(dataset))
    assert epoch_of(copy)[1].tolist() == epoch_of(dataset)[1].tolist()


def test_images_are_not_copied():
    x = np.zeros((100, 2, 2), dtype="uint8")
    dataset = semi_supervised(x, np.arange(100) % 2, 100, validation=0)
    x[:] = 255
    assert dataset[0][0].min() == 1


def test_validation_holds_the_scaled_images():
    dataset = make(300, 10, validation=40)
    images, labels = dataset.validation
    assert images.dtype == np.float32
    assert images.shape == (40, 2, 2, 1)
    np.testing.assert_array_equal(rows_of(images), dataset.validation_indices)
    np.testing.assert_array_equal(labels, dataset.validation_indices % 2)
    assert labels.dtype.kind == "i"
    assert make(300, 10).validation is None


def test_batch_beyond_the_epoch_is_refused():
    dataset = make(60, 10, batch_size=10)
    with pytest.raises(IndexError):
        dataset[len(dataset)]


def test_weights_stay_with_their_rows():
    weights = np.arange(600) % 7 / 2
    dataset = make(600, 40, batch_size=20, sample_weight=weights[:, None])
    plain = make(600, 40, batch_size=20)
    seen = set()
    for images, labels, found in dataset:
        rows = rows_of(images)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, weights[rows])
        seen |= set(rows.tolist())
        assert (labels >= 0).sum() == 4
    # Rows of weight 0 are not shown; the choice of labelled rows is the same.
    assert weights[sorted(seen)].min() > 0
    kept = plain.labelled_indices[weights[plain.labelled_indices] > 0]
    assert dataset.labelled_indices.tolist() == kept.tolist()
    assert len(dataset.labelled_only(5)[0]) == 3


def test_validation_rows_have_no_weights():
    dataset = make(60, 4, validation=20, sample_weight=np.zeros(60) + [0, 1] * 30)
    plain = make(60, 4, validation=20)
    assert dataset.validation_indices.tolist() == plain.validation_indices.tolist()
    assert len(dataset.validation) == 2


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(59), "one number for each of the 60 images"),
        (-np.ones(60), "at least 0, got values from -1 to -1"),
        (np.zeros(60), "must not be 0 for all rows"),
        ("w", "`sample_weight` must be an array of numbers"),
        (np.arange(60) % 2 * (np.arange(60) > 50), "above 0 for a row with a label"),
    ],
)
def test_bad_weights(weights, message):
    labels = np.where(np.arange(60) < 50, np.arange(60) % 2, -1)
    x = np.zeros((60, 4, 4), "uint8")
    with pytest.raises(ValueError, match=message):
        semi_supervised(x, labels, 4, sample_weight=weights)


def test_parts_of_processes_are_the_batch():
    x = np.random.default_rng(0).integers(0, 255, (30, 2, 2, 1), "uint8")
    weights = np.arange(30, dtype="float32")
    dataset = semi_supervised(
        x, np.arange(30) % 3, 6, batch_size=8, sample_weight=weights
    )
    parts = [dataset.shard(index, 4) for index in range(4)]
    for index in range(len(dataset)):
        for whole, *pieces in zip(
            dataset[index], *(part[index] for part in parts), strict=True
        ):
            assert all(len(piece) == 2 for piece in pieces)
            np.testing.assert_array_equal(np.concatenate(pieces), whole)
    for arguments in ((0, 3), (4, 4)):
        with pytest.raises(ValueError, match="must divide the 8 rows of a batch"):
            dataset.shard(*arguments)
    # What would be made of the whole batches is not made without a word.
    for make in (
        lambda part: part.shard(0, 2),
        lambda part: part.labelled_only(2),
        lambda part: part.rebalanced(np.zeros(len(part.x), int)),
    ):
        with pytest.raises(ValueError, match="call `shard` last"):
            make(parts[1])
