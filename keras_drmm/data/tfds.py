"""Reading of data sets with TensorFlow Datasets."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_drmm.data.npz import Split

if TYPE_CHECKING:
    from tensorflow_datasets.core import DatasetBuilder


def read_tfds(
    name: str, data_dir: str | os.PathLike[str] | None
) -> tuple[Split, Split]:
    """Read a data set of images and labels, and prepare it first if needed.

    Args:
        name: name of the data set in TensorFlow Datasets.
        data_dir: folder of the prepared data; None means the folder that TensorFlow
            Datasets uses by default.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape
        (n, height, width, channels) and int64 labels of shape (n,).

    Raises:
        ValueError: no data set has that name; or it does not have the splits train and
            test, with uint8 images of one size and one label each; or it is prepared in
            a format that the backend cannot read.
        ImportError: TensorFlow Datasets is not installed.
        RuntimeError: the data set could not be downloaded or prepared.
    """
    try:
        # Imported here because it is an optional dependency.
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"The data set {name!r} is {_possible(data_dir)}, so it needs TensorFlow "
            "Datasets, which is not installed: pip install keras-drmm[tensorflow]"
        ) from error
    try:
        builder = tfds.builder(name, data_dir=data_dir)
        if not builder.is_prepared() and keras.backend.backend() != "tensorflow":
            # Only TensorFlow can read the default format, TFRecord.
            builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(
            f"The data set {name!r} is {_possible(data_dir)}, nor is it a data set "
            "of TensorFlow Datasets. Use one of the names that "
            "`tensorflow_datasets.list_builders()` returns, or write the data to "
            f"<data_dir>/{name}.npz with the keys x_train, y_train, x_test and y_test."
        ) from error
    if not builder.is_prepared():
        try:
            builder.download_and_prepare()
        except Exception as error:  # The types of the errors are not documented.
            raise RuntimeError(
                f"TensorFlow Datasets could not download or prepare {name!r} "
                f"({error}). Without a network, write the data to "
                f"<data_dir>/{name}.npz with the keys x_train, y_train, x_test and "
                f"y_test, and call load({name!r}, data_dir)."
            ) from error
    _check_builder(name, builder)
    return _read_split(builder, "train"), _read_split(builder, "test")


def _possible(data_dir: str | os.PathLike[str] | None) -> str:
    if data_dir is None:
        return "neither embedded (only 'mnist' is) nor a file (no data_dir is given)"
    found = sorted(path.name for path in Path(data_dir).glob("*.npz"))
    return (
        "neither embedded (only 'mnist' is) nor one of the .npz files in "
        f"{os.fspath(data_dir)!r} ({', '.join(found) or 'there are none'})"
    )


def _check_builder(name: str, builder: "DatasetBuilder") -> None:
    missing = {"train", "test"} - set(builder.info.splits)
    if missing:
        raise ValueError(
            f"The data set {name!r} has no split {' or '.join(sorted(missing))}, but "
            f"only {sorted(builder.info.splits)}. Read it with tensorflow_datasets "
            "and pass its arrays to semi_supervised()."
        )
    features: Any = builder.info.features
    if (
        not {"image", "label"} <= set(features)
        or features["image"].np_dtype != np.uint8
        or len(features["image"].shape) != 3
        or None in features["image"].shape
        or features["label"].shape != ()
    ):
        raise ValueError(
            f"The data set {name!r} must have the features image (uint8, all of one "
            f"size) and label (one for each image), but it has {features}. Read it "
            "with tensorflow_datasets, resize its images and pass the arrays to "
            "semi_supervised()."
        )


def _read_split(builder: "DatasetBuilder", split: str) -> Split:
    import tensorflow_datasets as tfds

    # The format decides, not only the backend: just TensorFlow reads TFRecord, and even
    # TensorFlow reads array_record only as a data source.
    if builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD:
        rows = list(builder.as_data_source(split))
        return (
            np.stack([row["image"] for row in rows]),
            np.array([row["label"] for row in rows], dtype="int64"),
        )
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"{builder.data_dir} holds data in the format "
            f"{builder.info.file_format.value}, which the "
            f"{keras.backend.backend()} backend cannot read. Prepare the data in "
            "another data_dir, where the format will be array_record, or use the "
            "TensorFlow backend."
        )
    # Files are read one after another, so that the rows keep their order.
    config = tfds.ReadConfig(interleave_cycle_length=1)
    rows = tfds.as_numpy(
        builder.as_dataset(split=split, batch_size=-1, read_config=config)
    )
    return rows["image"], rows["label"]
