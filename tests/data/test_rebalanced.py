"""`SemiSupervisedDataset.rebalanced`: each class equally often."""

import numpy as np
import pytest

from keras_drmm.data import semi_supervised


def imbalanced(num_classes=3, seed=0, **settings):
    """A data set of 60 rows, of which the unlabelled ones are of class 0, 1 or 2."""
    labels = np.repeat([0, 1, 2], [45, 12, 3]) % num_classes
    x = np.arange(60, dtype="uint8").reshape(60, 1, 1, 1)
    y = np.where(np.isin(np.arange(60), [0, 1, 45, 46, 57, 58]), labels, -1)
    return semi_supervised(x, y, None, seed=seed, **settings), labels


def rows_of(dataset):
    """Return (labelled, unlabelled) rows of an epoch; the pixel is the row."""
    shown = [dataset[i] for i in range(len(dataset))]
    rows = np.concatenate([np.rint(x[:, 0, 0, 0] * 255) for x, _ in shown]).astype(int)
    labels = np.concatenate([y for _, y in shown])
    return rows[labels >= 0], rows[labels < 0]


def test_rebalanced_rows_are_of_each_class_equally_often():
    dataset, classes = imbalanced(batch_size=12, labelled_per_batch=3)
    other = dataset.rebalanced(classes)
    assert len(other) == len(dataset) == 6
    labelled, unlabelled = rows_of(other)
    assert set(labelled) <= set(dataset.labelled_indices)
    assert np.bincount(classes[unlabelled]).tolist() == [18, 18, 18]
    # 10 rows of class 1: each once, and 8 of them twice; the single one of class 2.
    times = np.bincount(unlabelled, minlength=60)
    assert sorted(times[classes == 1]) == [0, 0, *[1] * 2, *[2] * 8]
    assert times[59] == 18
    assert times[classes == 0].max() == 1
    np.testing.assert_array_equal(other.shown_labels, dataset.shown_labels)


def test_rebalancing_depends_on_the_seed_alone():
    dataset, classes = imbalanced()
    one, two = (dataset.rebalanced(classes).unlabelled_indices for _ in range(2))
    np.testing.assert_array_equal(one, two)
    three = imbalanced(seed=1)[0].rebalanced(classes).unlabelled_indices
    assert set(three) != set(one)


def test_a_class_that_no_row_is_of_is_named():
    dataset, classes = imbalanced()
    with pytest.warns(UserWarning, match=r"of the classes \[2\]"):
        other = dataset.rebalanced(np.minimum(classes, 1))
    counts = np.bincount(np.minimum(classes, 1)[other.unlabelled_indices])
    assert counts.tolist() == [27, 27]


def test_bad_classes_are_refused():
    dataset, classes = imbalanced()
    with pytest.raises(ValueError, match="from 0 to 2 for each unlabelled row, got -1"):
        dataset.rebalanced(dataset.shown_labels)
    with pytest.raises(ValueError, match=r"one integer for each of the 60 images"):
        dataset.rebalanced(classes[:-1])
    with pytest.raises(ValueError, match="3"):
        dataset.rebalanced(classes + 1)
    with pytest.raises(ValueError, match="no unlabelled rows"):
        dataset.labelled_only(3).rebalanced(classes)
