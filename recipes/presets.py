"""A preset and its data set for a recipe, which ends clearly where one is not there."""

import sys


def load(preset, fields=()):
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
