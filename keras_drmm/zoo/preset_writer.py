"""Writing of presets."""

import json
import os
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_drmm.layers.arguments import describe, standardize_boolean
from keras_drmm.layers.deprecation import warn_renamed
from keras_drmm.zoo.preset import (
    BESIDE_ARGUMENTS,
    CONFIG,
    METADATA,
    WEIGHTS,
    Preset,
    format_call,
    is_hidden_by_shipped,
    is_name,
    sha256,
)
from keras_drmm.zoo.preset_loader import from_preset
from keras_drmm.zoo.zoo_model import FUNCTIONS, shape_arguments

README = "README.md"
# The writer's own entries of `metadata.json`.
OWN = ("name", "keras", "sha256")


def save_to_preset(preset_dir, model, card=None, overwrite=False):
    """Save a model of the zoo as a preset, which `from_preset` loads.

    The folder holds `config.json`, `model.weights.h5`, `metadata.json` and a
    `README.md`. It is written next to its destination and checked there: the model that
    `from_preset` loads must predict what `model` does. Only then is it moved, so that
    no half-written folder can remain.

    Args:
        preset_dir: path of the folder; its last part is the preset's name.
        model: a model made by a function of the zoo, usually trained.
        card: dictionary of JSON values that describe the model, such as its data, its
            error and the command that trained it. They are added to `metadata.json` and
            `README.md`. NumPy scalars are converted.
        overwrite: whether to replace a preset that already exists. A folder that is not
            a preset is never replaced.

    Returns:
        The `Path` of the folder.

    Raises:
        TypeError: `preset_dir` is no path.
        FileExistsError: the folder exists, and either `overwrite` is False or the
            folder is not a preset.
        ValueError: the folder's name is not a plain name, the model is not as a
            function of the zoo makes it, or `card` cannot be written as JSON.

    Example:

    >>> model = keras_drmm.zoo.rfm()
    >>> folder = keras_drmm.zoo.save_to_preset("my_rfm", model, {"data": "mnist"})
    >>> model = keras_drmm.zoo.from_preset(folder)
    """
    if not isinstance(preset_dir, str | os.PathLike):
        raise TypeError(
            f"`preset_dir` must be the path of a folder, got {describe(preset_dir)}."
        )
    overwrite = standardize_boolean(overwrite, "overwrite")
    folder = Path(preset_dir).resolve()
    _check(folder, model, overwrite)
    card = _as_json({} if card is None else card)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".preset_", dir=folder.parent) as scratch:
        # Not the temporary folder itself, which only its owner may read.
        new = Path(scratch) / folder.name
        new.mkdir()
        _write(new, model, card)
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


def save_preset(folder, model, metadata, overwrite=False):
    """Do what `save_to_preset` does; this is its old name."""
    warn_renamed("`save_preset`", "`save_to_preset`")
    return save_to_preset(folder, model, metadata, overwrite)


def rewrite_card(preset_dir, card):
    """Replace the card of a preset, in its metadata and README.

    The weights, `config.json` and their check sums stay as they are.

    Args:
        preset_dir: path of the preset's folder.
        card: the new card, as for `save_to_preset`.

    Raises:
        FileNotFoundError: there is no preset, or one of its files is missing.
        ValueError: a file is damaged, or `card` cannot be written as JSON.
    """
    preset = Preset(preset_dir)
    missing = [name for name in OWN if name not in preset.metadata]
    if missing:
        raise ValueError(
            f"{preset.folder / METADATA} lacks {', '.join(missing)}. Copy the folder "
            "again, or write it by `save_to_preset`."
        )
    own = {name: preset.metadata[name] for name in OWN}
    _write_card(preset.folder, own, _as_json(card))


def check_name(folder):
    """Raise a ValueError unless the last part of a `Path` may name a preset."""
    if not is_name(folder.name):
        raise ValueError(
            "`preset_dir` must end with the preset's name. A preset's name has "
            f"letters, digits, _ and -, got {folder.name!r}."
        )
    if is_hidden_by_shipped(folder):
        raise ValueError(
            f"`preset_dir` must not end with the name of a preset of the library, got "
            f"{folder.name!r}: by this name that one would be loaded. Choose another."
        )


def _check(folder, model, overwrite):
    check_name(folder)
    # Whatever such a folder holds would be lost.
    lacking = [v for v in (METADATA, CONFIG, WEIGHTS) if not (folder / v).is_file()]
    if folder.exists() and lacking:
        raise FileExistsError(
            f"{folder} exists and is no preset: it has no {', '.join(lacking)}. "
            "Choose another name, or move it away first."
        )
    if folder.exists() and not overwrite:
        raise FileExistsError(
            f"{folder} exists. Choose another name, or give `overwrite=True`."
        )
    if getattr(model, "name", None) not in FUNCTIONS:
        raise ValueError(
            f"`model` {getattr(model, 'name', model)!r} is not from the zoo: it must "
            f"come from one of "
            f"{', '.join(FUNCTIONS)}."
        )


def _as_json(card):
    """Return a card as JSON gives it back: plain values, lists and dictionaries."""
    if not isinstance(card, dict) or not all(isinstance(v, str) for v in card):
        raise ValueError(
            f"`card` must be a dictionary with names as keys, got {card!r}."
        )
    own = [name for name in OWN if name in card]
    if own:
        raise ValueError(
            f"`card` must not have the entries {', '.join(own)}, which describe the "
            "preset's files."
        )
    try:
        return json.loads(json.dumps(card, default=_plain, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`card` cannot be written as JSON: {error}. It must be of plain values, "
            f"got {describe(card)}."
        ) from None


def _plain(value):
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(
        f"{describe(value)} is not a JSON value. Give numbers, text, lists and "
        "dictionaries; of an array `.tolist()`"
    )


def _write(folder, model, card):
    arguments = model.get_config()
    config = {"function": model.name}
    for name in shape_arguments(FUNCTIONS[model.name]):
        config[name] = arguments[name]
    for name in BESIDE_ARGUMENTS:
        if name in arguments:
            config[name] = arguments[name]
    _write_json(folder / CONFIG, config)
    # A copy that was never compiled, so that the file holds no optimizer's state.
    copy = type(model).from_config(arguments)
    copy.set_weights(model.get_weights())
    copy.save_weights(folder / WEIGHTS)
    sums = {file: sha256((folder / file).read_bytes()) for file in (CONFIG, WEIGHTS)}
    own = {"name": folder.name, "keras": keras.__version__, "sha256": sums}
    _write_card(folder, own, card)


def _write_card(folder, own, card):
    first, *others = OWN
    metadata = {first: own[first], **card, **{v: own[v] for v in others}}
    _write_json(folder / METADATA, metadata)
    _write_text(folder / README, _readme(folder, own["name"], card))


def _readme(folder, name, card):
    config = json.loads((folder / CONFIG).read_bytes())
    function = config.pop("function")
    for part in BESIDE_ARGUMENTS:
        config.pop(part, None)
    call = format_call(function, config)
    rows = [f"| {field} | {_cell(value)} |" for field, value in card.items()]
    table = "\n".join(["", "| | |", "|---|---|", *rows, ""]) if rows else ""
    return f"""# {name}

Weights of `keras_drmm.zoo.{call}`.
{table}
```python
import keras_drmm

model = keras_drmm.zoo.from_preset("{name}")
```

A preset that is not shipped with the library is loaded by the path of its folder.
"""


def _cell(value):
    """Return a value as text that stays within its cell of a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ")


def _write_json(path, content):
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    _write_text(path, text + "\n")


def _write_text(path, text):
    # The same bytes on every system, because they have a check sum.
    path.write_text(text, encoding="utf-8", newline="\n")


def _check_copy(folder, model):
    """Raise unless the preset predicts what the model does."""
    images = np.random.default_rng(0).random((4, *model.image_shape), "float32")
    # Not by `predict`, which takes seconds to compile.
    ours, loaded = (
        ops.convert_to_numpy(v(images, training=False))
        for v in (model, from_preset(folder))
    )
    if not np.allclose(ours, loaded, rtol=1e-3, atol=1e-3):
        raise ValueError(
            f"The preset would not predict what the model does: {model.name} is not "
            "as its function of the zoo makes it, or not in float32."
        )
