import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_drmm.data import semi_supervised

pytestmark = pytest.mark.once


def make_y(*sizes):
    """Shuffled labels: `sizes[c]` rows of class c."""
    y = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(0).permutation(y)


def make_x(y):
    return np.zeros((len(y), 2, 2), dtype="uint8")


@given(
    num_classes=st.integers(1, 7),
    extra=st.integers(0, 30),
    validation=st.integers(0, 40),
    seed=st.integers(0, 2**40),
)
def test_draw_is_balanced_and_disjoint(num_classes, extra, validation, seed):
    y = make_y(*[90] * num_classes)
    num_labels = num_classes + extra
    dataset = semi_supervised(
        make_x(y), y, num_labels, batch_size=2, validation=validation, seed=seed
    )
    counts = np.bincount(y[dataset.labelled_indices], minlength=num_classes)
    assert counts.sum() == num_labels
    assert np.ptp(counts) <= 1
    counts = np.bincount(y[dataset.validation_indices], minlength=num_classes)
    assert counts.sum() == validation
    assert np.ptp(counts) <= 1
    parts = (
        dataset.labelled_indices,
        dataset.unlabelled_indices,
        dataset.validation_indices,
    )
    assert sorted(np.concatenate(parts)) == list(range(len(y)))
    assert dataset.num_classes == num_classes


def test_validation_follows_the_sizes_of_the_classes():
    sizes = np.array([500, 230, 71, 9])
    y = make_y(*sizes)
    dataset = semi_supervised(make_x(y), y, 8, validation=0.1)
    counts = np.bincount(y[dataset.validation_indices])
    assert counts.sum() == 81
    assert (abs(counts - sizes / 10) < 1).all()


def test_validation_images_can_be_unlabelled_ones_too():
    y = make_y(50, 50)
    dataset = semi_supervised(
        make_x(y), y, 10, validation=20, validation_images_unlabelled=True
    )
    rows = set(dataset.unlabelled_indices.tolist())
    assert rows == set(range(100)) - set(dataset.labelled_indices.tolist())
    assert set(dataset.validation_indices.tolist()) < rows
    for _, labels in dataset:
        assert (labels == -1).sum() == 84  # 90 rows, less than two batches' worth


# Recorded once, so that a change of the draw is noticed: it would change the results
# of everyone's experiments.
LABELLED = [188, 222, 235, 364, 589, 620, 731, 786, 867, 963]
VALIDATION = [33, 58, 144, 406, 429, 565, 682, 720, 917, 961]


def test_draw_is_the_same_on_every_machine():
    y = np.arange(1000) % 10
    dataset = semi_supervised(make_x(y), y, 10, validation=10, seed=3)
    assert dataset.labelled_indices.tolist() == LABELLED
    assert dataset.validation_indices.tolist() == VALIDATION


def test_draws_depend_on_the_seed_but_not_on_batches():
    y = make_y(100, 100)

    def rows(**arguments):
        dataset = semi_supervised(make_x(y), y, 20, validation=20, **arguments)
        return (
            dataset.labelled_indices.tolist(),
            dataset.validation_indices.tolist(),
        )

    assert rows() == rows(batch_size=10, labelled_per_batch=3)
    labelled, validation = rows(seed=1)
    assert labelled != rows()[0]
    assert validation != rows()[1]


def test_more_labels_keep_the_validation_rows():
    y = make_y(100, 100)
    few, many = (
        semi_supervised(make_x(y), y, num_labels, validation=30)
        for num_labels in (2, 100)
    )
    np.testing.assert_array_equal(few.validation_indices, many.validation_indices)


def test_which_classes_get_one_more_depends_on_the_seed():
    y = make_y(*[20] * 5)
    winners = {
        int(
            np.bincount(
                y[semi_supervised(make_x(y), y, 6, seed=seed).labelled_indices]
            ).argmax()
        )
        for seed in range(40)
    }
    assert winners == set(range(5))


def test_labels_are_kept_without_a_number():
    y = np.array([0, -1, 1, -1, 2, 2, -1])
    dataset = semi_supervised(make_x(y), y[:, None], None)
    assert dataset.labelled_indices.tolist() == [0, 2, 4, 5]
    assert dataset.unlabelled_indices.tolist() == [1, 3, 6]
    assert dataset.num_classes == 3


Y = make_y(20, 20)


def test_a_few_rows_may_be_of_many_classes():
    assert semi_supervised(make_x(Y), np.where(Y, 999, -1), None).num_classes == 1000


def test_validation_is_taken_from_labels_that_are_kept():
    y = np.array([0, -1, 1, -1] * 10)
    dataset = semi_supervised(make_x(y), y, None, validation=6)
    validation = dataset.validation_indices
    assert np.bincount(y[validation]).tolist() == [3, 3]
    assert dataset.labelled_indices.tolist() == sorted(
        set(range(0, 40, 2)) - set(validation.tolist())
    )
    assert dataset.unlabelled_indices.tolist() == list(range(1, 40, 2))


def test_labels_are_drawn_from_known_ones():
    y = np.array([0, -1, 1, -1] * 10)
    dataset = semi_supervised(make_x(y), y, 8)
    assert np.bincount(y[dataset.labelled_indices]).tolist() == [4, 4]
    assert len(dataset.unlabelled_indices) == 32


@pytest.mark.parametrize(
    ("y", "num_labels", "arguments", "message"),
    [
        (Y.astype("float32"), 4, {}, r"float32\. Convert whole numbers by"),
        (Y.astype("bool"), 4, {}, r"bool\. Convert whole numbers by"),
        (np.eye(2, dtype=int)[Y], 4, {}, r"y\.argmax\(-1\)"),
        (Y[1:], 4, {}, r"each of the 40 images, got shape \(39,\)"),
        (Y - 2, 4, {}, "from -2 to -1. Number the classes from 0"),
        (np.where(Y, 10**9, 0), None, {}, "to 999, got values from 0 to 1000000000"),
        (Y + 2**32, 4, {}, "to 999, got .* to 4294967297"),
        (Y + 2**40, 4, {}, "from 1099511627776 to 1099511627777"),
        (Y.astype("uint64") - 1, 4, {}, "from 0 to 18446744073709551615"),
        (Y, 0, {}, "`num_labels` must be at least 2, one label for each .* got 0"),
        (Y, -4, {}, "`num_labels` must be at least 2, one label for each .* got -4"),
        (Y, 1, {}, "`num_labels` must be at least 2, one label for each .* got 1"),
        (Y, 0.5, {}, "`num_labels` must be an integer or None"),
        (Y, True, {}, "`num_labels` must be an integer or None"),
        (np.full(40, -1), None, {}, "every label in `y` is -1. Label some rows"),
        (np.full(40, -1), 2, {}, "every label in `y` is -1. Label some rows"),
        (np.r_[0, 0, [1] * 38], 6, {}, "Class 0 has 2 images.*but 3 are asked for"),
        (Y, 30, {"validation": 20}, "has 10 images.*but 15 are asked for"),
        (Y + 1, 6, {}, "Class 0 has 0 images.*numbered from 0 without gaps"),
        (Y, 4, {"batch_size": 1}, "`batch_size` must be an integer of at least 2"),
        (Y, 4, {"labelled_per_batch": 40}, "must be an integer from 4 to 39"),
        (Y, 4, {"validation": -1}, "at least 1 of the 40 rows.*but -1 asks for -1"),
        (Y, 4, {"validation": 40}, "but 40 asks for 40. Ask for fewer"),
        (Y, 4, {"validation": 1.5}, "must be an integer number of rows, or a fraction"),
        (
            Y,
            4,
            {"validation": np.nan},
            "must be an integer number of rows, or a fraction",
        ),
        (Y, 4, {"seed": -1}, "`seed` must be an integer of at least 0"),
        (Y, 4, {"seed": None}, "`seed` must be an integer of at least 0"),
    ],
)
def test_wrong_arguments_are_refused(y, num_labels, arguments, message):
    with pytest.raises(ValueError, match=message):
        semi_supervised(make_x(Y), y, num_labels, **arguments)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((0, 2, 2), "uint8"), "Reshape the array"),
        (np.zeros((40, 4), "uint8"), "Reshape the array"),
        (np.zeros((40, 2, 2), "int64"), "Convert integers from 0 to 255"),
        (np.full((40, 2, 2), np.nan), "Divide them by"),
        (np.full((40, 2, 2), 255.0), "Divide them by"),
    ],
)
def test_wrong_images_are_refused(x, message):
    with pytest.raises(ValueError, match=message):
        semi_supervised(x, Y, 4)
