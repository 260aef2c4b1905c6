"""Checks of images and labels before a model sees them: what is wrong, what to do."""

import numpy as np
from keras import ops, utils
from keras.backend import is_float_dtype, is_int_dtype

from keras_drmm.layers.arguments import check_labels


def check_data(x, y, image_shape, pixel_range, num_classes, needs_labels=False):
    """Raise unless `x`, `y` are images and labels that a model can take.

    Arrays are checked whole; of a data set (tf.data, PyDataset, DataLoader) the first
    batch is. A generator cannot be read twice and is left alone.

    Args:
        x: images, or a data set of (images, labels) batches.
        y: labels or None.
        image_shape: (H, W, C).
        pixel_range: (lowest, highest) value of a pixel.
        num_classes: labels are -1 (unlabelled) to num_classes - 1.
        needs_labels: whether at least one row must have a label.

    Raises:
        ValueError: with the reason and what to do.
    """
    if not _is_array(x):
        batch = _first_batch(x)
        if batch is None:
            return
        # A batch without a labelled row is not an error: others may have some.
        x, y, needs_labels = batch[0], batch[1], False
    check_images(x, image_shape, pixel_range)
    if y is not None:
        y = _to_numpy(y)
        check_labels(y, len(x), num_classes)
        if needs_labels and y.max() < 0:
            raise ValueError(
                "No row is labelled (all labels are -1). Label some rows, or learn "
                "without labels by `EG(cross_entropy=0)`."
            )
    elif needs_labels:
        raise ValueError(
            "The objective needs labels and none were given. Pass integer labels "
            "(-1: unlabelled), or learn without any by `EG(cross_entropy=0)`."
        )


def check_images(x, image_shape, pixel_range):
    """Raise unless `x` are float images of `image_shape` within `pixel_range`."""
    shape = tuple(x.shape)
    if len(shape) != 4 or shape[1:] != tuple(image_shape):
        raise ValueError(
            f"The model takes images of shape {('batch', *image_shape)}, got {shape}. "
            "Add the channel axis of grey images by `x[..., None]`."
        )
    if shape[0] == 0:
        raise ValueError("The batch is empty: give at least one image.")
    x = _to_numpy(x)
    if not np.issubdtype(x.dtype, np.floating) and x.dtype.name != "bfloat16":
        raise ValueError(
            f"Images must be floats in {list(pixel_range)}, got {x.dtype}. Scale uint8 "
            "images by `keras_drmm.data.to_unit_range(x)`."
        )
    lowest, highest = x.min(), x.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ValueError(
            "Images hold NaN or infinite values: clean or drop these rows."
        )
    if lowest < pixel_range[0] or highest > pixel_range[1]:
        raise ValueError(
            f"Pixels must be in {list(pixel_range)}, got values from {lowest:g} to "
            f"{highest:g}. Scale the images (`x / 255`), or give the model the "
            "`pixel_range` that they have."
        )


def check_batch(images, labels, sample_weight, image_shape):
    """Raise unless the tensors of a step have shapes and dtypes that a model can take.

    Args:
        images: of a batch.
        labels: of a batch, or None.
        sample_weight: of a batch, or None.
        image_shape: (H, W, C).
    """
    shape = tuple(images.shape)
    if shape[1:] != tuple(image_shape):
        raise ValueError(
            f"The model takes images of shape {('batch', *image_shape)}, got a batch "
            f"of shape {shape}."
        )
    if not is_float_dtype(images.dtype):
        raise ValueError(
            f"Images must be floats, got a batch of dtype {images.dtype}. Scale uint8 "
            "images by `keras_drmm.data.to_unit_range(x)`."
        )
    if labels is not None and not is_int_dtype(labels.dtype):
        raise ValueError(
            f"Labels must be integers (-1: unlabelled), got dtype {labels.dtype}. "
            "Give class numbers, not one-hot rows or probabilities."
        )
    rows = shape[0]
    for name, values in (("Labels", labels), ("`sample_weight`", sample_weight)):
        if values is not None and tuple(values.shape) not in ((rows,), (rows, 1)):
            raise ValueError(
                f"{name} must be one number for each of the {rows} images of a batch, "
                f"got shape {tuple(values.shape)}."
            )


def check_classes(classes, rows, num_classes):
    """Raise unless `classes` are integers in 0..num_classes - 1, one for each row."""
    if classes.shape != (rows,):
        raise ValueError(
            f"`classes` must be {rows} integers: one integer for each of the {rows} "
            f"images, got shape {classes.shape}."
        )
    check_labels(classes, rows, num_classes)
    if classes.min() < 0:
        raise ValueError("Classes to render must be 0 or more, got -1.")


def _is_array(x):
    return hasattr(x, "shape") and hasattr(x, "dtype")


def _to_numpy(x):
    return x if isinstance(x, np.ndarray) else ops.convert_to_numpy(x)


def _first_batch(dataset):
    """Return (images, labels or None) of the first batch, None if it can't be read."""
    if isinstance(dataset, utils.PyDataset):
        batch = dataset[0]
    elif hasattr(dataset, "__iter__") and not hasattr(dataset, "__next__"):
        batch = next(iter(dataset), None)
        if batch is None:
            raise ValueError("The data set is empty: give at least one batch.")
    else:
        return None
    if not isinstance(batch, tuple | list):
        batch = (batch,)
    return batch[0], batch[1] if len(batch) > 1 else None
