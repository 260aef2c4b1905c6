"""Checks of images and labels before a model sees them: what is wrong, what to do."""

import types
import warnings

import numpy as np
from keras import utils
from keras.backend import is_float_dtype, is_int_dtype

from keras_drmm.layers.arguments import (
    as_array,
    check_labels,
    describe,
    is_array,
    to_numpy,
)


def standardize_data(
    x,
    y,
    image_shape,
    pixel_range,
    num_classes,
    needs_labels=False,
    takes_unlabelled=True,
):
    """Return images and labels, lists as arrays, if they are what a model can take.

    Arrays are checked whole; of a data set (tf.data, PyDataset, DataLoader) the first
    batch is. A generator cannot be read twice: it is checked as its first batch is
    taken, so that one that is refused for another reason has lost nothing.

    Args:
        x: images, or a data set of (images, labels) batches.
        y: labels or None.
        image_shape: (H, W, C).
        pixel_range: (lowest, highest) value of a pixel.
        num_classes: labels are -1 (unlabelled) to num_classes - 1.
        needs_labels: whether at least one row must have a label.
        takes_unlabelled: whether a row may have the label -1.

    Returns:
        (images or the data set, labels or None).

    Raises:
        ValueError: with the reason and what to do.
    """
    if is_list_of_batches(x):
        images, labels = x[0][0], x[0][1] if len(x[0]) > 1 else None
        standardize_data(images, labels, image_shape, pixel_range, num_classes)
        raise ValueError(
            f"`x` must be an array of images or a data set, got a {type(x).__name__} "
            f"of {len(x)} batches. Join the batches, or make them a "
            "`keras.utils.PyDataset`."
        )
    if isinstance(x, list | tuple):
        x = _as_images(x)
    if not is_array(x):
        if y is not None and hasattr(x, "__iter__") and not isinstance(x, str | dict):
            raise ValueError(
                f"`y` must be None with a data set, whose batches hold the labels, got "
                f"{describe(y)}."
            )

        def check(batch):
            images, labels = batch[0], batch[1] if len(batch) > 1 else None
            check_images(images, image_shape, pixel_range)
            if labels is not None:
                _check_labels(labels, len(images), num_classes, takes_unlabelled)
            elif needs_labels:
                raise ValueError(
                    "No row is labelled (the batches of `x` hold no labels). Let them "
                    "be (images, labels), -1 for an unlabelled row; "
                    "`EG(cross_entropy=0)` learns without labels."
                )

        if isinstance(x, types.GeneratorType):
            return _checked(x, check), y
        check(_first_batch(x))
        return x, y
    check_images(x, image_shape, pixel_range)
    if isinstance(x, np.ndarray) and not x.dtype.isnative:
        x = x.astype(x.dtype.newbyteorder("="))
    if y is not None:
        if isinstance(y, list | tuple):
            y = as_array(y, "y")
        labels = _check_labels(y, len(x), num_classes, takes_unlabelled)
        # PyTorch has neither wide unsigned integers nor foreign byte orders.
        is_wide = labels.dtype.kind == "u" and labels.dtype.itemsize > 1
        if is_wide or not labels.dtype.isnative:
            y = labels.astype("int32")
        if needs_labels and labels.max() < 0:
            raise ValueError(
                "No row is labelled (all labels are -1). Label some rows; "
                "`EG(cross_entropy=0)` learns without labels."
            )
    elif needs_labels:
        raise ValueError(
            "No row is labelled (there are no labels). Pass integer labels (-1: "
            "unlabelled); `EG(cross_entropy=0)` learns without labels."
        )
    return x, y


def standardize_arrays(x, y, image_shape, pixel_range, num_classes):
    """Return images and labels as `standardize_data` does; a data set is refused."""
    check_is_array(x)
    return standardize_data(x, y, image_shape, pixel_range, num_classes)


def check_is_array(x):
    """Raise if `x` is a data set, or anything but an array or lists."""
    if not is_array(x) and not isinstance(x, list | tuple):
        raise ValueError(
            f"`x` must be an array of images, got {describe(x)}. Give the images of a "
            "data set batch by batch."
        )


def standardize_images(x, image_shape, pixel_range):
    """Return images, lists as an array, if they are what a model can take."""
    return standardize_arrays(x, None, image_shape, pixel_range, None)[0]


def check_images(x, image_shape, pixel_range):
    """Raise unless `x` are float images of `image_shape` within `pixel_range`."""
    if not is_array(x):
        raise ValueError(f"Images must be an array, got {describe(x)}.")
    if isinstance(x, np.ma.MaskedArray):
        raise ValueError(
            "Images must be an array without a mask, got a masked array. Fill it by "
            "`x.filled(0)`."
        )
    shape = tuple(x.shape)
    if len(shape) != 4 or shape[1:] != tuple(image_shape):
        raise ValueError(
            f"The model takes images of shape {('batch', *image_shape)}, got {shape}. "
            f"{_advise_shape(shape, tuple(image_shape))}"
        )
    if shape[0] == 0:
        raise ValueError("The batch is empty: give at least one image.")
    x = to_numpy(x)
    if not np.issubdtype(x.dtype, np.floating) and x.dtype.name != "bfloat16":
        advice = "Convert them by `x.astype('float32')`."
        if x.dtype == np.uint8:
            advice = "Scale uint8 images by `keras_drmm.data.to_unit_range(x)`."
        elif x.dtype.kind in "iu":
            advice = (
                "Scale bytes by `keras_drmm.data.to_unit_range(x.astype('uint8'))`, "
                "and convert others by `x.astype('float32')`."
            )
        raise ValueError(
            f"Images must be floats in {list(pixel_range)}, got {x.dtype}. {advice}"
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
        # TensorFlow traces a step that has seen (B,) and (B, 1) for any rank.
        if values is None or getattr(values.shape, "rank", 1) is None:
            continue
        if tuple(values.shape) not in ((rows,), (rows, 1)):
            raise ValueError(
                f"{name} must be one number for each of the {rows} images of a batch, "
                f"got shape {tuple(values.shape)}."
            )


def warn_unless_finite(logits):
    """Warn if some of the logits (N, num_classes) are not finite."""
    # bfloat16 is none of NumPy's own types.
    rows = np.isfinite(np.asarray(logits, "float32")).all(axis=1)
    if not rows.all():
        warnings.warn(
            f"The logits of {(~rows).sum()} of {len(rows)} images are not finite. The "
            "dtype policy 'mixed_float16' ends at 65,504: take 'mixed_bfloat16'.",
            stacklevel=3,
        )


def _advise_shape(found, wanted):
    """Return what to do with images of a shape that a model does not take."""
    build = f"build the model with `input_shape={found[1:]}`"
    if found == wanted:
        return "Add the batch axis of a single image by `x[None]`."
    if len(found) == 3 and (*found[1:], 1) == wanted:
        return "Add the channel axis of grey images by `x[..., None]`."
    if len(found) == 3 and (1, *found[1:]) == wanted:
        return "Add the channel axis of grey images by `x[:, None]`."
    if len(found) != 4:
        return "Give one array with a row for each image."
    if (*found[2:], found[1]) == wanted:
        return "Move the channels to the end by `np.moveaxis(x, 1, -1)`."
    if (found[3], *found[1:3]) == wanted:
        return "Move the channels to the front by `np.moveaxis(x, -1, 1)`."
    for axis, sizes in ((3, slice(0, 2)), (1, slice(1, 3))):
        if found[1:][sizes] == wanted[sizes]:
            channels, own = found[axis], wanted[axis - 1]
            if own == 1:
                return (
                    f"Average the {channels} channels by `x.mean(axis={axis}, "
                    f"keepdims=True)`, or {build}."
                )
            if channels == 1:
                return (
                    f"Repeat the channel by `np.repeat(x, {own}, axis={axis})`, or "
                    f"{build}."
                )
    return f"Resize the images, or {build}."


def _as_images(x):
    """Return nested lists of pixels, or a list of images, as an array."""
    if len(x) in (2, 3) and all(map(is_array, x)) and x[0].shape != x[1].shape:
        raise ValueError(
            "`x` must be one array of images, got arrays of shapes "
            f"{[tuple(v.shape) for v in x]}. Give labels as `y`."
        )
    return as_array(x, "x")


def is_list_of_batches(x):
    """Return whether x is a list of (images, labels) tuples of arrays."""
    return (
        isinstance(x, list | tuple)
        and len(x) > 0
        and isinstance(x[0], list | tuple)
        and len(x[0]) > 0
        and is_array(x[0][0])
    )


def _check_labels(labels, rows, num_classes, takes_unlabelled):
    """Check labels, and return them as an array."""
    labels = to_numpy(labels) if is_array(labels) else as_array(labels, "y")
    check_labels(labels, rows, num_classes)
    if not takes_unlabelled and labels.min() < 0:
        raise ValueError(
            f"`y` has {int((labels < 0).sum())} unlabelled rows (-1), which the Keras "
            "`loss` that the model was compiled with cannot leave out. Give that loss "
            "`ignore_class=-1`, leave these rows out, or learn from them by "
            "`algorithm=keras_drmm.EG()`."
        )
    return labels


def _first_batch(dataset):
    """Return the first batch of a data set, a tuple."""
    if isinstance(dataset, types.GeneratorType):
        batch = next(dataset, None)
    elif isinstance(dataset, utils.PyDataset):
        # An endless one has no number of batches.
        batch = dataset[0] if dataset.num_batches != 0 else None
    elif hasattr(dataset, "__next__"):
        raise ValueError(
            "`x` must be an array of images or a data set of (images, labels) batches, "
            f"got {describe(dataset)}, an iterator. Make it a generator by `(batch for "
            "batch in x)`."
        )
    elif hasattr(dataset, "__iter__") and not isinstance(dataset, str | bytes | dict):
        batch = next(iter(dataset), None)
    else:
        raise ValueError(
            "`x` must be an array of images or a data set of (images, labels) batches, "
            f"got {describe(dataset)}."
        )
    if batch is None:
        raise ValueError(
            f"`x` must have at least one batch, got {describe(dataset)}, which is "
            "empty."
        )
    return _as_tuple(batch)


def _as_tuple(batch):
    return tuple(batch) if isinstance(batch, tuple | list) else (batch,)


def _checked(batches, check):
    """Generate batches in tuples, as Keras takes them; `check` sees the first."""
    first = _first_batch(batches)
    check(first)
    yield first
    for batch in batches:
        yield _as_tuple(batch)


def begin(batches):
    """Return a checked generator again, its first batch checked and put back."""
    return _put_back(next(batches), batches)


def _put_back(first, rest):
    yield first
    yield from rest
