"""Image data sets by name."""

import os
from importlib.resources import as_file, files
from pathlib import Path

from keras_drmm.data.npz import Split, read_npz
from keras_drmm.data.tfds import read_tfds


def load(
    name: str, data_dir: str | os.PathLike[str] | None = None
) -> tuple[Split, Split]:
    """Load an image data set.

    The first of these that exists is read:

    1. the file `<name>.npz` in `data_dir`, with the keys x_train, y_train, x_test
       and y_test;
    2. the copy of MNIST that comes with the library, for `"mnist"`;
    3. a data set of TensorFlow Datasets with the features `image` and `label` and
       the splits `train` and `test`. It is downloaded and prepared in `data_dir`
       unless it is already there.

    On the JAX and PyTorch backends, data sets of TensorFlow Datasets are read without
    TensorFlow. They must be prepared in the array_record format.

    Args:
        name: name of the data set, such as `"mnist"` or `"cifar10"`.
        data_dir: folder of the file, or of the data that TensorFlow Datasets prepares.
            None means that there is no such file and that TensorFlow Datasets uses its
            own folder.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, as the functions of `keras.datasets`
        return them: uint8 images of shape (n, height, width) or
        (n, height, width, channels), and integer labels of shape (n,) or (n, 1).

    Raises:
        ValueError: there is no data set of that name, it is not as described above, or
            its file is damaged.
        ImportError: TensorFlow Datasets is needed but not installed.
        RuntimeError: TensorFlow Datasets could not download or prepare the data set.

    Example:

    >>> (x_train, y_train), (x_test, y_test) = keras_drmm.data.load("mnist")
    >>> x_train.shape, y_test.shape
    ((60000, 28, 28), (10000,))
    """
    if not isinstance(name, str) or not name:
        raise ValueError(
            f"`name` must be the name of a data set, such as 'mnist', got {name!r}."
        )
    if not isinstance(data_dir, str | os.PathLike | None):
        raise ValueError(
            f"`data_dir` must be the path of a folder, or None, got {data_dir!r}."
        )
    if data_dir is not None:
        path = Path(data_dir) / f"{name}.npz"
        if path.is_file():
            return read_npz(path)
    if name == "mnist":
        with as_file(files("keras_drmm.data") / "mnist.npz") as path:
            return read_npz(path)
    return read_tfds(name, data_dir)
