"""Commands that look at a preset: their options, the preset and what it learned from.

What is missing ends the command with a message.
"""

import sys

from recipes.common.command import choose_backend, make_parser
from recipes.tables import training
from recipes.tables.cells import SEMI_SUPERVISED, Cell


def parse(docstring, arguments):
    """Read the command line of a command that looks at a preset.

    Args:
        docstring: the command's.
        arguments: the words of the command line; None for those of this process.
    """
    parser = make_parser(docstring, "data-dir", "backend")
    parser.add_argument("--preset", required=True, help="its name or its folder")
    return parser.parse_args(arguments)


def load(options, fields):
    """Choose the backend, and return a preset's metadata and its model in float32.

    Args:
        options: of the command line, with `backend` and `preset`.
        fields: the metadata that the command needs, in addition to name and data set.

    Returns:
        (contents of `metadata.json`, the model).

    Raises:
        SystemExit: there is no such preset, it is damaged, or it lacks a field.
    """
    choose_backend(options.backend)
    import keras

    from keras_drmm import zoo
    from keras_drmm.zoo.preset import METADATA, Preset

    keras.config.set_dtype_policy("float32")
    try:
        found = Preset(options.preset)
        missing = [v for v in ("name", "data", *fields) if v not in found.metadata]
        if missing:
            sys.exit(
                f"{found.folder / METADATA} has no {', '.join(missing)}. Write the "
                "preset by `python -m recipes.publish_preset`, or give "
                "`keras_drmm.zoo.save_to_preset` a `card` with these entries."
            )
        return found.metadata, zoo.from_preset(options.preset)
    except (FileNotFoundError, ValueError) as problem:
        sys.exit(str(problem))


def load_data(metadata, data_dir):
    """Return the data set that a preset was trained on, from `keras_drmm.data.load`.

    Raises:
        SystemExit: the data set is missing or damaged, or its download failed.
    """
    from keras_drmm import data

    try:
        return data.load(metadata["data"], data_dir)
    except (ImportError, OSError, RuntimeError, ValueError) as problem:
        sys.exit(str(problem))


def load_training(metadata, model, data_dir):
    """Return the images that a preset learned from, and the labels it was shown.

    Args:
        metadata: the preset's, with `labels` and `draw`.
        model: the preset's.
        data_dir: folder of data sets, or None.

    Returns:
        (images (n, ...), labels (n,), the `SemiSupervisedDataset` it learned from).

    Raises:
        SystemExit: the data set is missing, or all its labels were shown.
    """
    (x, y), _ = load_data(metadata, data_dir)
    if metadata["labels"] >= len(x):
        raise SystemExit(
            f"{metadata['name']} learned {metadata['labels']} labels of {len(x)} "
            "images: none was hidden from it. Choose a preset of fewer labels."
        )
    # Every setting shows the same labels for the same draw.
    cell = Cell(1, SEMI_SUPERVISED, model.name, metadata["labels"], metadata["draw"])
    return x, y.reshape(-1), training.make_dataset(cell, x, y)
