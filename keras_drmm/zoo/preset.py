"""Preset: a folder of trained weights, read and checked."""

import hashlib
import json
import os
import re
from pathlib import Path

from keras_drmm.layers.keeps_frozen import freeze
from keras_drmm.models.styled import build_switch_prior

CONFIG, WEIGHTS, METADATA = "config.json", "model.weights.h5", "metadata.json"

# What `config.json` has beside the arguments of the zoo's function, if there is any.
BESIDE_ARGUMENTS = ("frozen", "switch_prior", "class_names")
_PACKAGE = Path(__file__).resolve().parents[1]


SHIPPED = _PACKAGE / "presets"
if not SHIPPED.is_dir():
    # In a checkout, where they lie beside the package.
    SHIPPED = _PACKAGE.parent / "zoo"


class Preset:
    """The content of a preset folder whose check sums are right.

    Args:
        name_or_path: name of a shipped preset, or path of a preset folder.
        argument: what the caller calls that, for errors.

    Attributes:
        folder: `Path` of the folder.
        function: name of the zoo's function that makes the model.
        arguments: {name: value}, the function's arguments.
        frozen: paths of what is frozen in the model.
        switch_prior: configuration of the model's prior of switches, or None.
        class_names: names of the classes, or None.
        metadata: content of `metadata.json`.

    Raises:
        FileNotFoundError: there is no such preset, or one of its files is missing.
        ValueError: a file is damaged.
    """

    def __init__(self, name_or_path, argument="name_or_path"):
        self.folder = _find(name_or_path, argument)
        self.metadata = _parse(METADATA, self._read(METADATA))
        config = self._read(CONFIG)
        self._check_sum(CONFIG, config)
        self._check_sum(WEIGHTS, self._read(WEIGHTS))
        self.arguments = _parse(CONFIG, config)
        self.function = self.arguments.pop("function", None)
        self.frozen = self.arguments.pop("frozen", [])
        self.switch_prior = self.arguments.pop("switch_prior", None)
        self.class_names = self.arguments.pop("class_names", None)

    def load_into(self, model):
        """Load the preset's weights into `model`, which is built but not compiled.

        Raises:
            ValueError: the weights are for another function or other arguments.
        """
        config = model.get_config()
        given = {name: config.get(name) for name in self.arguments}
        # JSON turns tuples into lists, as in the preset's file.
        given = json.loads(json.dumps(given, default=str))
        if (model.name, given) != (self.function, self.arguments):
            raise ValueError(
                f"The preset {self.folder.name!r} fits {self.call()}, not "
                f"{format_call(model.name, given)}. Give it these arguments, or use "
                "`keras_drmm.zoo.from_preset`."
            )
        if self.switch_prior is not None:
            parts = build_switch_prior(model, self.switch_prior)
            model.set_switch_prior(self.switch_prior, *parts)
        model.load_weights(self.folder / WEIGHTS)
        freeze(model, self.frozen)
        model.class_names = self.class_names

    def call(self):
        """Return the call of the zoo's function that the weights fit, as text."""
        return format_call(self.function, self.arguments)

    def _read(self, file):
        try:
            return (self.folder / file).read_bytes()
        except FileNotFoundError:
            raise FileNotFoundError(
                f"The preset at {self.folder} has no {file}. Copy the whole folder "
                f"again. {_available()}"
            ) from None

    def _check_sum(self, file, content):
        sums = self.metadata.get("sha256")
        expected = sums.get(file) if isinstance(sums, dict) else None
        found = sha256(content)
        if found != expected:
            raise ValueError(
                f"{self.folder / file} is damaged or was changed: its SHA-256 is "
                f"{found}, but {METADATA} says {expected}. Copy the folder again, or "
                f"reinstall keras-drmm. {_available()}"
            )


def load_preset(model, preset):
    """Load a preset's weights into `model`, or leave it as it is if that is None."""
    if preset is not None:
        Preset(preset, "preset").load_into(model)


def presets():
    """List the presets that come with the library.

    Returns:
        Their names, sorted.

    Example:

    >>> "rfm_mnist_100" in keras_drmm.zoo.presets()
    True
    """
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))


def sha256(content):
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def is_name(text):
    """Return whether `text` may name a preset: no path and no hidden file may."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", text) is not None


def format_call(function, arguments):
    """Return the call of a function as text."""
    listed = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{function}({listed})"


def _find(name_or_path, argument):
    if not isinstance(name_or_path, str | os.PathLike):
        raise TypeError(
            f"`{argument}` must be the name of a preset or the path of its folder, "
            f"got {name_or_path!r}. {_available()}"
        )
    text = os.fspath(name_or_path)
    # Only plain names are looked up in the folder of shipped presets, so that `../x`
    # cannot lead out of it.
    if isinstance(name_or_path, str) and is_name(text) and text in presets():
        return SHIPPED / text
    folder = Path(text)
    # An empty text is a path, too: that of the working directory.
    if not text or not folder.is_dir():
        raise FileNotFoundError(
            f"There is no preset {text!r}, nor a folder at that path. {_available()}"
        )
    return folder.resolve()


def _available():
    return f"Available presets: {', '.join(presets()) or 'none'}."


def _parse(file, content):
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise ValueError(
            f"The preset's {file} is not JSON: {error}. Copy the folder again."
        ) from None
    if not isinstance(parsed, dict):
        raise ValueError(
            f"The preset's {file} must hold a JSON object. Copy the folder again."
        )
    return parsed
