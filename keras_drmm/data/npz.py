"""Reading of data sets that are stored as one NumPy file."""

from pathlib import Path

import numpy as np

from keras_drmm.layers.npz_file import read_npz_arrays

KEYS = ("x_train", "y_train", "x_test", "y_test")
# As of `check_labels`: what int32 holds.
_HIGHEST_LABEL = 2**31 - 1

Split = tuple[np.ndarray, np.ndarray]


def read_npz(path: Path) -> tuple[Split, Split]:
    """Read and check the four arrays of an image data set.

    Args:
        path: a file written by `numpy.savez` or `numpy.savez_compressed` with the
            keys x_train, y_train, x_test and y_test. Other keys are ignored.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape
        (n, height, width) or (n, height, width, channels), and integer labels of
        shape (n,) or (n, 1).

    Raises:
        ValueError: the file is damaged, lacks a key, declares arrays that are far
            larger than what is stored, or holds arrays that are not such images and
            labels.
    """
    try:
        arrays = read_npz_arrays(path, KEYS)
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be read as a NumPy .npz file ({error}). It is damaged, or "
            "it is another kind of file: copy or write it again."
        ) from error
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise ValueError(
            f"{path} lacks {', '.join(missing)}. Write it with `numpy.savez_compressed("
            "path, x_train=..., y_train=..., x_test=..., y_test=...)`."
        )
    train = arrays["x_train"], arrays["y_train"]
    test = arrays["x_test"], arrays["y_test"]
    _check_split(path, "train", *train)
    _check_split(path, "test", *test)
    if train[0].shape[1:] != test[0].shape[1:]:
        raise ValueError(
            f"{path}: the training images have shape {train[0].shape[1:]}, the test "
            f"images {test[0].shape[1:]}. Write them with the same shape."
        )
    return train, test


def _check_split(path: Path, split: str, x: np.ndarray, y: np.ndarray) -> None:
    if x.dtype != np.uint8 or x.ndim not in (3, 4):
        raise ValueError(
            f"{path}: x_{split} must hold uint8 images of shape (n, height, width) or "
            f"(n, height, width, channels), but it is {x.dtype} of shape {x.shape}. "
            "Write it as uint8."
        )
    if x.size == 0:
        raise ValueError(
            f"{path}: x_{split} must hold at least one image of at least one pixel, "
            f"but its shape is {x.shape}. Write the images that there are."
        )
    if y.dtype.kind not in "iu" or y.shape not in ((y.size,), (y.size, 1)):
        raise ValueError(
            f"{path}: y_{split} must hold integer labels of shape (n,) or (n, 1), but "
            f"it is {y.dtype} of shape {y.shape}. Write the class numbers as integers."
        )
    if len(x) != len(y):
        raise ValueError(
            f"{path}: x_{split} has {len(x)} images, but y_{split} has {len(y)} "
            "labels. Write one label for each image."
        )
    first, last = int(y.min()), int(y.max())
    if first < -1 or last > _HIGHEST_LABEL:
        raise ValueError(
            f"{path}: y_{split} must hold labels from -1 (unlabelled) to "
            f"{_HIGHEST_LABEL}, but they are from {first} to {last}. Number the "
            "classes from 0."
        )
