"""Choice of the rows whose labels a model is shown."""

import numpy as np

from keras_drmm.data.draw import draw_rows, equal_counts, stratified_counts
from keras_drmm.data.images import check_images
from keras_drmm.data.integers import is_integer
from keras_drmm.data.labels import check_labels
from keras_drmm.data.random_streams import Stream, random_stream
from keras_drmm.data.semi_supervised_dataset import SemiSupervisedDataset


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
) -> SemiSupervisedDataset:
    """Make a data set in which only some of the images are labelled.

    First the validation rows are drawn, then the labelled rows from the others. Both
    draws depend on `y`, `num_labels`, `validation` and `seed` only, and data sets that
    differ in `num_labels` alone have the same validation rows.

    Args:
        x: Images of shape (n, height, width) or (n, height, width, channels), either
            uint8, or float32 or float64 within [0, 1]. The array is kept and not
            copied; batches are scaled to [0, 1] when they are made.
        y: Integer labels of shape (n,) or (n, 1), from 0 on, -1 for unlabelled rows.
        num_labels: Number of labelled rows, drawn equally from all classes (if it is
            not divisible, some classes get 1 more). The labels of all other rows are
            hidden. `None` keeps all labels as they are in `y`.
        batch_size: Number of rows of a batch. If there are fewer training rows, the
            only batch is that small.
        labelled_per_batch: Number of labelled rows of a batch. By default a quarter
            of the batch or the share that labelled rows have in the data, whichever
            is more, but never all of it if there are unlabelled rows.
        validation: Number of rows kept for validation, or their fraction of all
            rows if it is a float below 1. They are drawn from the rows with a label,
            from each class in proportion to its size.
        validation_images_unlabelled: Whether training also gets the images of the
            validation rows, without their labels.
        seed: Seed of the draws and of the order of the batches, 0 or larger.

    Returns:
        The data set, to be used as `model.fit(dataset, shuffle=False,
        validation_data=dataset.validation)`.

    Raises:
        ValueError: If the images or labels are not as described, if no row would be
            labelled, if a class has fewer images than asked for, if `num_labels` is
            smaller than the number of classes, or if another argument is out of
            range.

    Example:
        >>> from keras_drmm.data import load, semi_supervised
        >>> (x_train, y_train), _ = load("mnist")
        >>> dataset = semi_supervised(x_train, y_train, num_labels=100)
        >>> images, labels = dataset[0]
        >>> images.shape, int((labels >= 0).sum()), len(dataset)
        ((100, 28, 28, 1), 25, 798)
    """
    x = np.asarray(x)
    check_images(x)
    labels = check_labels(y, len(x))
    if not is_integer(seed) or seed < 0:
        raise ValueError(f"seed must be an integer from 0 on, but it is {seed!r}.")
    known = np.flatnonzero(labels >= 0)
    if len(known) == 0:
        raise ValueError(
            "No row is labelled: every label in y is -1. Give the labels of some rows."
        )
    sizes = np.bincount(labels[known])

    rng = random_stream(seed, Stream.VALIDATION)
    num_validation = _validation_count(validation, len(x), len(known))
    counts = stratified_counts(num_validation, sizes, rng)
    validation_rows = draw_rows(labels, known, counts, rng)

    labelled = np.setdiff1d(known, validation_rows)
    if num_labels is not None:
        _check_num_labels(num_labels, len(sizes))
        rng = random_stream(seed, Stream.LABELLED_DRAW)
        counts = equal_counts(num_labels, len(sizes), rng)
        labelled = draw_rows(labels, labelled, counts, rng)

    is_unlabelled = np.ones(len(x), dtype=bool)
    is_unlabelled[labelled] = False
    if not validation_images_unlabelled:
        is_unlabelled[validation_rows] = False
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
    )


def _validation_count(validation: int | float, num_rows: int, num_known: int) -> int:
    if is_integer(validation):
        count = int(validation)
    elif 0 <= validation < 1:
        count = round(validation * num_rows)
    else:
        raise ValueError(
            f"validation={validation} is neither an integer number of rows nor a "
            "fraction from 0 to below 1. Pass one of them."
        )
    if not 0 <= count < num_known:
        raise ValueError(
            f"validation={validation} asks for {count} of the {num_known} rows with a "
            "label, but at least 1 must be left for training. Ask for fewer."
        )
    return count


def _check_num_labels(num_labels: int, num_classes: int) -> None:
    if not is_integer(num_labels):
        raise ValueError(
            f"num_labels must be an integer or None, but it is {num_labels!r}."
        )
    if num_labels < 1:
        raise ValueError(
            f"No row would be labelled with num_labels={num_labels}. Ask for at least "
            f"one label for each of the {num_classes} classes."
        )
    if num_labels < num_classes:
        raise ValueError(
            f"num_labels={num_labels} is smaller than the number of classes, "
            f"{num_classes}. Ask for at least one label for each class."
        )
