"""Choice of the rows whose labels are shown to a model."""

import numpy as np

from keras_drmm.data.images import check_raw_images
from keras_drmm.data.random_streams import Stream, random_stream
from keras_drmm.data.semi_supervised_dataset import Augment, SemiSupervisedDataset
from keras_drmm.data.stratification import (
    choose_rows,
    equal_counts,
    stratified_counts,
)
from keras_drmm.layers.arguments import (
    as_array,
    check_labels,
    check_weights,
    is_integer,
    is_number,
    standardize_boolean,
    standardize_integer,
)

# A few rows may have labels of many classes, but none that is an identity number: each
# class up to the largest label takes memory here and in a model.
_MOST_CLASSES = 1000


def semi_supervised(
    x: np.ndarray,
    y: np.ndarray,
    num_labels: int | None,
    *,
    batch_size: int = 100,
    labelled_per_batch: int | None = None,
    validation: int | float = 0,
    validation_images_unlabelled: bool = False,
    seed: int = 0,
    augment: Augment | None = None,
    sample_weight: np.ndarray | None = None,
) -> SemiSupervisedDataset:
    """Make a data set in which only some of the images are labelled.

    First the validation rows are chosen at random, then the labelled rows from the
    remaining ones. Both choices depend only on `y`, `num_labels`, `validation` and
    `seed`. Data sets that differ in `num_labels` alone have the same validation rows.

    Args:
        x: images of shape (n, height, width) or (n, height, width, channels), either
            uint8, or float32 or float64 within [0, 1]. The array is kept, not copied;
            batches are scaled to [0, 1] when they are made.
        y: integer labels of shape (n,) or (n, 1), numbered from 0, with -1 for
            unlabelled rows. They are below n or, if n is smaller, below 1,000.
        num_labels: number of labelled rows, with equally many from each class; if that
            leaves a remainder, some classes get one more. The labels of all other rows
            are hidden. None keeps all labels of `y`.
        batch_size: number of rows in a batch. If there are fewer training rows, there
            is one batch with all of them.
        labelled_per_batch: number of labelled rows in a batch. By default this is
            16 % of the batch (rounded up), as in the tables, or the share of labelled
            rows in the data, whichever is larger, but never the whole batch if there
            are unlabelled rows.
        validation: number of rows that are kept for validation or, as a float below 1,
            their fraction of all rows. They are chosen from the rows that have a label,
            from each class in proportion to its size.
        validation_images_unlabelled: whether training also uses the images of the
            validation rows, without their labels.
        seed: seed of the choices and of the order of the batches, 0 or larger.
        augment: a function that changes the images of each batch, such as
            `ShiftAndMirror()`, or None. It is given the images, the numbers of their
            rows, the number of the epoch and a `numpy.random.Generator`, and returns
            images of the same shape. Validation images stay as they are.
        sample_weight: a number of at least 0 for each row of `x`, of shape (n,), such
            as `keras_drmm.evaluation.foreign_images` returns, or None. Batches are then
            `(images, labels, weights)`, and in training a row of weight w counts as w
            rows. A row of weight 0 is not shown at all: batch normalisation would see
            it. Validation rows all count alike.

    Returns:
        A `SemiSupervisedDataset`, for `model.fit(dataset, shuffle=False,
        validation_data=dataset.validation)`.

    Raises:
        ValueError: the images or labels are not as described, no row would be labelled,
            a class has fewer images than are asked for, `num_labels` is smaller than
            the number of classes, all labelled rows have weight 0, or another argument
            is out of range.

    Example:

    >>> (x_train, y_train), _ = keras_drmm.data.load("mnist")
    >>> dataset = keras_drmm.data.semi_supervised(x_train, y_train, num_labels=100)
    >>> images, labels = dataset[0]
    >>> images.shape, int((labels >= 0).sum()), len(dataset)
    ((100, 28, 28, 1), 16, 713)
    """
    x, labels = as_array(x, "x"), as_array(y, "y")
    check_raw_images(x)
    check_labels(labels, len(x), max(len(x), _MOST_CLASSES))
    labels = labels.reshape(-1).astype("int32")
    seed = standardize_integer(seed, "seed", minimum=0)
    validation_images_unlabelled = standardize_boolean(
        validation_images_unlabelled, "validation_images_unlabelled"
    )
    if augment is not None and not callable(augment):
        raise ValueError(
            "`augment` must be a function of (images, rows, epoch, random), such as "
            f"`ShiftAndMirror()`, or None, got {augment!r}."
        )
    if sample_weight is not None:
        sample_weight = as_array(sample_weight, "sample_weight")
        check_weights(sample_weight, len(x))
        sample_weight = sample_weight.reshape(-1).astype("float32")
    known = np.flatnonzero(labels >= 0)
    if len(known) == 0:
        raise ValueError(
            "No row is labelled: every label in `y` is -1. Label some rows."
        )
    sizes = np.bincount(labels[known])

    rng = random_stream(seed, Stream.VALIDATION)
    num_validation = _validation_count(validation, len(x), len(known))
    counts = stratified_counts(num_validation, sizes, rng)
    validation_rows = choose_rows(labels, known, counts, rng)

    labelled = np.setdiff1d(known, validation_rows)
    if num_labels is not None:
        _check_num_labels(num_labels, len(sizes))
        rng = random_stream(seed, Stream.LABELLED_DRAW)
        counts = equal_counts(num_labels, len(sizes), rng)
        labelled = choose_rows(labels, labelled, counts, rng)

    is_unlabelled = np.ones(len(x), dtype=bool)
    is_unlabelled[labelled] = False
    if not validation_images_unlabelled:
        is_unlabelled[validation_rows] = False
    if sample_weight is not None:
        labelled = labelled[sample_weight[labelled] > 0]
        is_unlabelled &= sample_weight > 0
        if len(labelled) == 0:
            raise ValueError(
                "`sample_weight` must be above 0 for a row with a label, got 0 for all "
                "of them: nothing would tell the classes."
            )
    return SemiSupervisedDataset(
        x,
        labels,
        labelled_indices=labelled,
        unlabelled_indices=np.flatnonzero(is_unlabelled),
        validation_indices=validation_rows,
        num_classes=len(sizes),
        batch_size=batch_size,
        labelled_per_batch=labelled_per_batch,
        seed=seed,
        augment=augment,
        sample_weight=sample_weight,
    )


def _validation_count(validation: int | float, num_rows: int, num_known: int) -> int:
    if is_integer(validation):
        count = int(validation)
    elif is_number(validation) and 0 <= validation < 1:
        count = round(validation * num_rows)
    else:
        raise ValueError(
            "`validation` must be an integer number of rows, or a fraction that is at "
            f"least 0 and below 1, got {validation!r}."
        )
    if not 0 <= count < num_known:
        raise ValueError(
            f"`validation` must leave at least 1 of the {num_known} rows with a label "
            f"for training, but {validation!r} asks for {count}. Ask for fewer."
        )
    return count


def _check_num_labels(num_labels: int, num_classes: int) -> None:
    if not is_integer(num_labels):
        raise ValueError(
            f"`num_labels` must be an integer or None, got {num_labels!r}."
        )
    if num_labels < num_classes:
        raise ValueError(
            f"`num_labels` must be at least {num_classes}, one label for each class, "
            f"got {num_labels}."
        )
