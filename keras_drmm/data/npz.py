"""Reading of data sets that are stored as one NumPy file."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

KEYS = ("x_train", "y_train", "x_test", "y_test")

# What NumPy and zipfile raise for truncated files, changed bytes (RuntimeError, for
# example, if the archive then looks encrypted), pickled arrays, and .npy files
# (TypeError).
READ_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)

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
        ValueError: the file is damaged, lacks a key, or holds arrays that are not such
            images and labels.
    """
    try:
        # Unpickling a file can run code, so pickled arrays are refused.
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in KEYS if key in archive}
    except READ_ERRORS as error:
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
