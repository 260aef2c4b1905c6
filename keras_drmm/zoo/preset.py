"""Preset: a folder of trained weights, read and checked."""

import hashlib
import json
import os
import re
from pathlib import Path

CONFIG, WEIGHTS, METADATA = "config.json", "model.weights.h5", "metadata.json"
CARD = "README.md"

_PACKAGE = Path(__file__).resolve().parents[1]


def _shipped():
    """Return the folder of presets: within an installed package, or the checkout's."""
    installed = _PACKAGE / "presets"
    return installed if installed.is_dir() else _PACKAGE.parent / "zoo"


SHIPPED = _shipped()


class Preset:
    """The content of a preset folder, after its check sums were found right.

    Args:
        name_or_path: name of a shipped preset, or path of a folder like it.

    Attributes:
        folder: `Path` of the folder.
        function: name of the zoo's function.
        arguments: {name: value}, what the function takes.
        metadata: what `metadata.json` holds.

    Raises:
        FileNotFoundError: there is no such preset, or one of its files is missing.
        ValueError: a file is damaged.
    """

    def __init__(self, name_or_path):
        self.folder = _find(name_or_path)
        self.metadata = _parse(METADATA, self._read(METADATA))
        config = self._read(CONFIG)
        self._check_sum(CONFIG, config)
        self._check_sum(WEIGHTS, self._read(WEIGHTS))
        self.arguments = _parse(CONFIG, config)
        self.function = self.arguments.pop("function", None)

    def load_into(self, model):
        """Give `model`, which is built and not compiled, the preset's weights.

        Raises:
            ValueError: the weights are those of another function or other arguments.
        """
        config = model.get_config()
        given = {name: config.get(name) for name in self.arguments}
        # Through JSON tuples become the lists that the preset's file has.
        given = json.loads(json.dumps(given, default=str))
        if (model.name, given) != (self.function, self.arguments):
            raise ValueError(
                f"The preset {self.folder.name!r} fits {self.call()}, not "
                f"{_call(model.name, given)}. Give these arguments, or load it by "
                "`keras_drmm.zoo.from_preset`."
            )
        model.load_weights(self.folder / WEIGHTS)

    def call(self):
        """Return the call of the zoo that the weights fit, as text."""
        return _call(self.function, self.arguments)

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
                f"{found}, {METADATA} says {expected}. Copy the folder again, or "
                f"reinstall keras-drmm. {_available()}"
            )


def load_preset(model, preset):
    """Give `model` the weights of a preset; None leaves it as it is."""
    if preset is not None:
        Preset(preset).load_into(model)


def names():
    """Return the sorted names of the shipped presets."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))


def sha256(content):
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def is_name(text):
    """Whether `text` may name a preset: no path, nothing hidden."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", text) is not None


def _find(name_or_path):
    text = os.fspath(name_or_path)
    # Only a plain name is looked up among the shipped ones: `../x` cannot leave them.
    if isinstance(name_or_path, str) and is_name(text) and text in names():
        return SHIPPED / text
    folder = Path(text)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no preset {text!r}, nor a folder of that path. {_available()}"
        )
    return folder.resolve()


def _available():
    return f"Available presets: {', '.join(names()) or 'none'}."


def _call(function, arguments):
    listed = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{function}({listed})"


def _parse(file, content):
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise ValueError(
            f"{file} of the preset is not JSON: {error}. Copy the folder again."
        ) from None
    if not isinstance(parsed, dict):
        raise ValueError(f"{file} must hold a JSON object. Copy the folder again.")
    return parsed
