"""A preset and its data set, or an end of the recipe that says what is missing."""

import argparse
import sys


def parse(description, arguments):
    """Read the command line of a recipe that evaluates a preset."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--preset", required=True, help="name, or path of its folder")
    parser.add_argument("--data-dir", help="folder of data sets, see keras_drmm.data")
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow"
    )
    return parser.parse_args(arguments)


def load(preset, fields):
    """Return a preset's metadata and its model.

    Args:
        preset: name, or path of its folder.
        fields: the entries of the metadata that the recipe needs besides "name" and
            "data".

    Returns:
        (content of `metadata.json`, the model).

    Raises:
        SystemExit: there is no such preset, it is damaged, or it lacks an entry.
    """
    # Imported here because the recipe must choose the backend first.
    from keras_drmm import zoo
    from keras_drmm.zoo.preset import METADATA, Preset

    try:
        found = Preset(preset)
        missing = [v for v in ("name", "data", *fields) if v not in found.metadata]
        if missing:
            sys.exit(
                f"{found.folder / METADATA} has no {', '.join(missing)}. Write the "
                "preset by `python -m recipes.publish_preset`, or give "
                "`keras_drmm.zoo.save_to_preset` a `card` with these entries."
            )
        return found.metadata, zoo.from_preset(preset)
    except (FileNotFoundError, ValueError) as problem:
        sys.exit(str(problem))


def load_data(metadata, data_dir):
    """Return the data set that a preset was trained on, from `keras_drmm.data.load`.

    Raises:
        SystemExit: the data set is missing or damaged, or cannot be downloaded.
    """
    from keras_drmm import data

    try:
        return data.load(metadata["data"], data_dir)
    except (ImportError, OSError, RuntimeError, ValueError) as problem:
        sys.exit(str(problem))


def load_training(metadata, model, data_dir):
    """Return a preset's training set, and which of its labels were shown.

    Args:
        metadata: the preset's, with the entries "labels" and "draw".
        model: the preset's model.
        data_dir: folder of data sets, or None.

    Returns:
        (images (n, ...), labels (n,), the `SemiSupervisedDataset` it was trained on).

    Raises:
        SystemExit: the data set is missing, or no label was hidden.
    """
    from recipes.tables import training
    from recipes.tables.cells import SEMI_SUPERVISED, Cell

    (x, y), _ = load_data(metadata, data_dir)
    if metadata["labels"] >= len(x):
        sys.exit(
            f"{metadata['name']} learned {metadata['labels']} labels of {len(x)} "
            "images: none was hidden from it. Choose a preset with fewer labels."
        )
    # A draw shows the same labels in every setting.
    cell = Cell(1, SEMI_SUPERVISED, model.name, metadata["labels"], metadata["draw"])
    return x, y.reshape(-1), training.make_dataset(cell, x, y)
