"""Models and folders of images, read for a command."""

import sys
import warnings
import zipfile
from pathlib import Path

import keras

from keras_drmm import data, zoo
from keras_drmm.command_line.arguments import verbosity
from keras_drmm.evaluation.checks import names_or_numbers
from keras_drmm.layers.json_file import parse_json
from keras_drmm.layers.weight_budget import weights_within
from keras_drmm.zoo.weights_file import check_weights_file

# What `keras.Model.save` writes of a model without files of its own.
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = {_CONFIG, "metadata.json", _WEIGHTS}
# Of the configuration.
_MOST_BYTES = 2**24
# The least bytes that a weight has in a file.
_BYTES_OF_A_WEIGHT = 2


def load_model(name):
    """Load the model that a command was given.

    Args:
        name: of a preset, or path of its folder or of a `.keras` file.

    Returns:
        A model of images of 1 or 3 channels within [0, 1].

    Raises:
        FileNotFoundError: there is none.
        ValueError: a file is damaged, or the model is not of this library.
    """
    if Path(name).suffix != ".keras":
        return zoo.from_preset(name)
    if not Path(name).is_file():
        raise FileNotFoundError(f"There is no file {name}.")
    model = _load_keras_file(Path(name))
    shape = getattr(model, "image_shape", None)
    if shape is None or not hasattr(model, "num_classes"):
        raise ValueError(
            f"{name} holds a `{type(model).__name__}`, which is no classifier of "
            "keras_drmm. Give a model that this library saved."
        )
    if tuple(model.pixel_range) != (0.0, 1.0) or shape[2] not in (1, 3):
        raise ValueError(
            f"{name} takes {shape[2]} channels of pixels within {model.pixel_range}, "
            "but images have 1 or 3 of [0, 1]."
        )
    return model


def _load_keras_file(path):
    """Load a model of the library, no larger than its file."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_archive(archive, path.stat().st_size)
        with weights_within(path.stat().st_size // _BYTES_OF_A_WEIGHT):
            # No command trains it, and what it was compiled with may be anything.
            return keras.saving.load_model(path, compile=False)
    # What damage raises in zipfile, h5py and Keras has no common class.
    except Exception as error:
        # Keras says a good deal before what a constructor said.
        said = str(error).rpartition("Exception encountered: ")[2]
        said = " ".join(said.split())[:300] or type(error).__name__
        raise ValueError(
            f"{path} cannot be loaded as a model of keras_drmm: {said.rstrip('.')}. "
            "Save it again, or give a preset."
        ) from error


def _check_archive(archive, size):
    """Raise unless a `.keras` file has what Keras writes, declared as it is stored."""
    names = archive.namelist()
    if sorted(names) != sorted(_MEMBERS):
        raise ValueError(f"it must hold {sorted(_MEMBERS)}, got {names[:5]}")
    for member in archive.infolist():
        if (
            member.compress_type != zipfile.ZIP_STORED
            or member.file_size != member.compress_size
            or member.file_size > size
        ):
            raise ValueError(
                f"{member.filename} is declared to have {member.file_size:,} bytes, "
                f"of which {min(member.compress_size, size):,} are stored"
            )
    config = parse_json(archive.read(_CONFIG)[: _MOST_BYTES + 1], _MOST_BYTES, True)
    kind = config.get("registered_name")
    if not isinstance(kind, str) or not kind.startswith("keras_drmm>"):
        raise ValueError(f"it holds {kind!r}, which is no model of this library")
    with archive.open(_WEIGHTS) as weights:
        check_weights_file(weights, size)


def names_of(model):
    """Return the names of a model's classes, which are their numbers by default."""
    return names_or_numbers(getattr(model, "class_names", None), model.num_classes)


def read_folder(folder, image_size, color_mode, labels, cache):
    """Read a folder of images, and list what in it is no image that can be read.

    Args:
        folder: its path.
        image_size: as of `data.load_folder`, like the others.
        color_mode: "auto", "grayscale" or "rgb".
        labels: path of a table, None for subfolders, False for no labels.
        cache: path of a file, or None.

    Returns:
        A `FolderImages`.
    """
    with warnings.catch_warnings():
        # All of them are listed below, not some.
        warnings.filterwarnings("ignore", ".* are left out", UserWarning)
        found = data.load_folder(
            folder,
            image_size,
            color_mode,
            labels=labels,
            cache=cache,
            verbose=verbosity(),
        )
    for name, reason in found.unreadable:
        print(f"left out: {name} ({reason})", file=sys.stderr)
    return found


def read_for(model, folder, labels, cache):
    """Read a folder of images as a model takes them; see `read_folder`."""
    height, width, channels = model.image_shape
    color_mode = "rgb" if channels == 3 else "grayscale"
    return read_folder(folder, (height, width), color_mode, labels, cache)
