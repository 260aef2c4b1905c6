"""Writing of presets."""

import json
import tempfile
from numbers import Real
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_drmm.zoo.functions import FUNCTIONS, shape_arguments
from keras_drmm.zoo.preset import (
    CARD,
    CONFIG,
    METADATA,
    WEIGHTS,
    Preset,
    is_name,
    sha256,
)
from keras_drmm.zoo.preset_card import card
from keras_drmm.zoo.preset_loader import from_preset

FIELDS = (
    "data",
    "data_licence",
    "setting",
    "objective",
    "labels",
    "draw",
    "seed",
    "seconds",
    "machine",
    "backend",
    "commit",
    "command",
    "validation_error",
    "test_error",
    "mean_test_error",
    "std_test_error",
    "draws",
    "chosen",
)

# What the writer knows itself.
ADDED = ("name", "keras", "sha256")

# Text, as a CSV file gives, is refused: these are formatted and compared.
NUMBERS = (
    "seconds",
    "validation_error",
    "test_error",
    "mean_test_error",
    "std_test_error",
    "draws",
)


def save_preset(folder, model, metadata, overwrite=False):
    """Write a trained model of the zoo as a preset, with its model card.

    The folder is written beside its place and checked there: what `from_preset` loads
    predicts what `model` does. Then it is moved, so that no half of it can stay.

    Args:
        folder: where to; its last part is the preset's name.
        model: a model that a function of the zoo returned, trained.
        metadata: a dictionary of how it was trained and what came out. `data` (a name
            of `keras_drmm.data.load`), `data_licence`, `setting` (what it learned
            from: "semi-supervised", say), `objective` (the terms, in words), `labels`,
            `draw`, `seed`, `seconds`, `machine`, `backend`, `commit`, `command`; in
            percent `validation_error` (None where all labels were learned) and
            `test_error` of this model, `mean_test_error` and `std_test_error` (None of
            one draw) over `draws` draws of labels; `chosen`: which of these draws
            it is, in words. The name, the version of Keras and the check sums are
            added.
        overwrite: whether a preset that is there may be replaced. Another folder never
            is.

    Returns:
        The `Path` of the folder.

    Raises:
        FileExistsError: the folder is there, and `overwrite` is False or it is no
            preset.
        ValueError: the folder's name, the metadata or the model is not as above.

    Example:

    >>> model = keras_drmm.zoo.rfm()
    >>> keras_drmm.zoo.save_preset("my_rfm", model, metadata)
    >>> model = keras_drmm.zoo.from_preset("my_rfm")
    """
    folder = Path(folder).resolve()
    _check(folder, model, metadata, overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".preset_", dir=folder.parent) as scratch:
        # Of the same name, and not the temporary folder itself: that one is private.
        new = Path(scratch) / folder.name
        new.mkdir()
        _write(new, model, metadata)
        _check_copy(new, model)
        old = Path(scratch) / "old"
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    return folder


def rewrite_card(folder, changes):
    """Change a preset's metadata, and its model card with it.

    Weights, `config.json` and their check sums stay as they are.

    Args:
        folder: the preset's.
        changes: {field of `save_preset`'s metadata: its new value}.

    Raises:
        FileNotFoundError: there is no preset, or one of its files is missing.
        ValueError: a file is damaged, or the metadata would not be as `save_preset`
            takes it.
    """
    preset = Preset(folder)
    others = set(changes) - set(FIELDS)
    if others:
        raise ValueError(
            f"Fields of `metadata` can be changed, not {', '.join(sorted(others))}."
        )
    metadata = preset.metadata | changes
    _check_metadata({v: metadata[v] for v in metadata if v not in ADDED})
    config = {"function": preset.function, **preset.arguments}
    _write_card(preset.folder, config, metadata)


def _check(folder, model, metadata, overwrite):
    if not is_name(folder.name):
        raise ValueError(
            f"A preset's name has letters, digits, _ and -, got {folder.name!r}."
        )
    # It would be lost, whatever it holds.
    lacking = [v for v in (METADATA, CONFIG, WEIGHTS) if not (folder / v).is_file()]
    if folder.exists() and lacking:
        raise FileExistsError(
            f"{folder} is there and is no preset: it has no {', '.join(lacking)}. "
            "Choose another name, or move it away first."
        )
    if folder.exists() and not overwrite:
        raise FileExistsError(
            f"{folder} is there. Choose another name, or give `overwrite=True`."
        )
    _check_metadata(metadata)
    if model.name not in FUNCTIONS:
        raise ValueError(
            f"The model {model.name!r} is not of the zoo: it must come from one of "
            f"{', '.join(FUNCTIONS)}."
        )


def _check_metadata(metadata):
    if set(metadata) != set(FIELDS):
        raise ValueError(
            f"`metadata` has the fields {', '.join(FIELDS)}; these differ: "
            f"{', '.join(sorted(set(metadata) ^ set(FIELDS)))}."
        )
    absent = {"std_test_error"} if metadata["draws"] == 1 else set()
    if metadata["validation_error"] is None:
        absent.add("validation_error")
    for name in NUMBERS:
        if name in absent:
            continue
        if not isinstance(metadata[name], Real):
            raise ValueError(f"{name!r} must be a number, got {metadata[name]!r}.")


def _write(folder, model, metadata):
    arguments = model.get_config()
    config = {"function": model.name}
    for name in shape_arguments(FUNCTIONS[model.name]):
        config[name] = arguments[name]
    _write_json(folder / CONFIG, config)
    # A twin that was never compiled: the file holds no optimizer's state.
    twin = type(model).from_config(arguments)
    twin.set_weights(model.get_weights())
    twin.save_weights(folder / WEIGHTS)
    sums = {file: sha256((folder / file).read_bytes()) for file in (CONFIG, WEIGHTS)}
    added = {"name": folder.name, "keras": keras.__version__, "sha256": sums}
    _write_card(folder, config, {**metadata, **added})


def _write_card(folder, config, metadata):
    # In one order, whichever way the fields came.
    name, *others = ADDED
    ordered = {field: metadata[field] for field in (name, *FIELDS, *others)}
    _write_json(folder / METADATA, ordered)
    _write_text(folder / CARD, card(config, ordered))


def _write_json(path, content):
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    _write_text(path, text + "\n")


def _write_text(path, text):
    # The same bytes on every system: they have a check sum.
    path.write_text(text, encoding="utf-8", newline="\n")


def _check_copy(folder, model):
    """Raise unless the preset predicts what the model does."""
    images = np.random.default_rng(0).random((4, *model.image_shape), "float32")
    # Not `predict`, which compiles for seconds.
    ours, loaded = (
        ops.convert_to_numpy(v(images, training=False))
        for v in (model, from_preset(folder))
    )
    if not np.allclose(ours, loaded, rtol=1e-3, atol=1e-3):
        raise ValueError(
            f"The preset would not predict what the model does: {model.name} is not "
            "as its function of the zoo makes it, or not in float32."
        )
