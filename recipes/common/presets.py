"""A preset and its data set for a recipe, which ends clearly where one is not there."""

import argparse
import sys


def parse(description, arguments):
    """Read the command line of a recipe that looks at a preset."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--preset", required=True, help="name, or path of a folder")
    parser.add_argument("--data-dir", help="folder of data sets, see keras_drmm.data")
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow"
    )
    return parser.parse_args(arguments)


def load(preset, fields):
    """Return a preset's metadata and its model.

    Args:
        preset: name, or path of a folder.
        fields: what the recipe needs of the metadata beside name and data set.

    Returns:
        (what `metadata.json` holds, the model).

    Raises:
        SystemExit: there is no such preset, it is damaged or lacks a field.
    """
    # Later than the recipe's choice of a backend.
    from keras_drmm import zoo
    from keras_drmm.zoo.preset import METADATA, Preset

    try:
        found = Preset(preset)
        missing = [v for v in ("name", "data", *fields) if v not in found.metadata]
        if missing:
            sys.exit(
                f"{found.folder / METADATA} has no {', '.join(missing)}. Write the "
                "preset by `keras_drmm.zoo.save_preset`, which asks for all fields."
            )
        return found.metadata, zoo.from_preset(preset)
    except (FileNotFoundError, ValueError) as problem:
        sys.exit(str(problem))


def load_data(metadata, data_dir):
    """Return the data set that a preset learned from, as `keras_drmm.data.load` does.

    Raises:
        SystemExit: it is not there, is damaged or could not be downloaded.
    """
    from keras_drmm import data

    try:
        return data.load(metadata["data"], data_dir)
    except (ImportError, OSError, RuntimeError, ValueError) as problem:
        sys.exit(str(problem))


def load_training(metadata, model, data_dir):
    """Return the images that a preset learned from, and which labels it was shown.

    Args:
        metadata: with labels and draw.
        model: the preset's.
        data_dir: folder of data sets, or None.

    Returns:
        (images (n, ...), labels (n,), the data set of its draw).

    Raises:
        SystemExit: the data are not there, or no label was hidden.
    """
    from recipes.tables import training
    from recipes.tables.cells import SEMI_SUPERVISED, Cell

    (x, y), _ = load_data(metadata, data_dir)
    if metadata["labels"] >= len(x):
        sys.exit(
            f"{metadata['name']} learned {metadata['labels']} labels of {len(x)} "
            "images: none was hidden from it. Choose a preset of fewer labels."
        )
    # All settings show the same labels of a draw.
    cell = Cell(1, SEMI_SUPERVISED, model.name, metadata["labels"], metadata["draw"])
    return x, y.reshape(-1), training.make_dataset(cell, x, y)
