"""Preset: a folder of trained weights, read and checked."""

import hashlib
import json
import os
import re
import warnings
from pathlib import Path

import numpy as np
from keras import ops

from keras_drmm.layers.arguments import (
    describe,
    is_integer,
    standardize_class_names,
    standardize_input_shape,
    standardize_integer,
    standardize_number,
)
from keras_drmm.layers.json_file import read_json
from keras_drmm.layers.keeps_frozen import freeze
from keras_drmm.layers.ordinary_file import check_ordinary_file
from keras_drmm.layers.weight_budget import weights_within
from keras_drmm.models.styled import build_switch_prior
from keras_drmm.zoo.weights_file import check_weights_file
from keras_drmm.zoo.zoo_model import FUNCTIONS, shape_arguments

CONFIG, WEIGHTS, METADATA = "config.json", "model.weights.h5", "metadata.json"

# What `config.json` has beside the arguments of the zoo's function, if there is any.
BESIDE_ARGUMENTS = ("frozen", "switch_prior", "class_names")
# Of each of the two JSON files.
_MOST_BYTES = 2**20
# The least bytes that a file of weights has for each of their numbers.
_BYTES_OF_A_WEIGHT = 2
_SIZES_OF_PRIOR = ("style_size", "width", "components")
_PACKAGE = Path(__file__).resolve().parents[1]


SHIPPED = _PACKAGE / "presets"
if not SHIPPED.is_dir():
    # In a checkout, where they lie beside the package.
    SHIPPED = _PACKAGE.parent / "zoo"


class Preset:
    """The content of a preset folder whose check sums are right.

    A check sum tells damage, not who wrote a file. So what the files say is checked as
    well, before memory is asked for: reading a preset takes about as much as its files
    have bytes, whatever they declare.

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
        ValueError: a file is damaged, or its content is not that of a preset.
    """

    def __init__(self, name_or_path, argument="name_or_path"):
        self.folder = _find(name_or_path, argument)
        self.metadata = self._read_json(METADATA)
        for file in (CONFIG, WEIGHTS):
            self._check_sum(file)
        self.arguments = self._read_json(CONFIG)
        self.function = self.arguments.pop("function", None)
        self.frozen = self.arguments.pop("frozen", [])
        self.switch_prior = self.arguments.pop("switch_prior", None)
        self.class_names = self.arguments.pop("class_names", None)
        size = (self.folder / WEIGHTS).stat().st_size
        self._most_weights = size // _BYTES_OF_A_WEIGHT
        try:
            check_weights_file(self.folder / WEIGHTS, size)
        except ValueError as error:
            raise self._damaged(WEIGHTS, error) from error
        self._check_arguments()

    def make(self, load_weights=True):
        """Return the model, compiled; `load_weights` is whether it has the weights.

        Raises:
            ValueError: the function of the zoo does not take the arguments, the model
                is larger than the file of weights, or that is of another model.
        """
        function = FUNCTIONS[self.function]
        try:
            with weights_within(self._most_weights):
                return function(
                    **self.arguments, preset=self.folder if load_weights else None
                )
        except (ValueError, TypeError) as error:
            if str(self.folder) in str(error):
                raise
            raise self._damaged(CONFIG, f"{self.call()}: {error}") from error

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
            self._add_switch_prior(model)
        try:
            model.load_weights(self.folder / WEIGHTS)
        except (ValueError, TypeError, KeyError) as error:
            said = " ".join(str(error).split())[:200]
            raise self._damaged(WEIGHTS, f"it is not of {self.call()}: {said}") from (
                error
            )
        self._check_weights(model)
        freeze(model, self.frozen)
        model.class_names = self.class_names

    def call(self):
        """Return the call of the zoo's function that the weights fit, as text."""
        return format_call(self.function, self.arguments)

    def _read_json(self, file):
        try:
            return read_json(self.folder / file, _MOST_BYTES)
        except FileNotFoundError:
            raise self._missing(file) from None
        except (OSError, ValueError) as error:
            raise self._damaged(file, error) from error

    def _check_sum(self, file):
        sums = self.metadata.get("sha256")
        expected = sums.get(file) if isinstance(sums, dict) else None
        try:
            check_ordinary_file(self.folder / file)
            with (self.folder / file).open("rb") as content:
                # Piece by piece.
                found = hashlib.file_digest(content, "sha256").hexdigest()
        except FileNotFoundError:
            raise self._missing(file) from None
        except OSError as error:
            raise self._damaged(file, error) from error
        if found != expected:
            raise ValueError(
                f"{self.folder / file} is damaged or was changed: its SHA-256 is "
                f"{found}, but {METADATA} says {describe(expected)}. Copy the folder "
                f"again, or reinstall keras-drmm. {_available()}"
            )

    def _check_arguments(self):
        """Raise unless what `config.json` has is of the types that it should be."""
        # A list, because what the file asks for may be anything, even unhashable.
        if self.function not in list(FUNCTIONS):
            raise ValueError(
                f"The preset at {self.folder} asks for {describe(self.function)}, "
                "which is no function of the zoo. It must be one of "
                f"{', '.join(FUNCTIONS)}."
            )
        needed = shape_arguments(FUNCTIONS[self.function])
        if set(self.arguments) != set(needed):
            raise ValueError(
                f"The preset at {self.folder} must give {self.function} the arguments "
                f"{', '.join(needed)}; it has {self.call()}."
            )
        try:
            shape = standardize_input_shape(self.arguments["input_shape"])
            classes = standardize_integer(self.arguments["num_classes"], "num_classes")
            # Each model of the zoo has weights for each pixel, or for a few together,
            # and for each class, nuisance or tree.
            sizes = (shape[0] * shape[1], *shape, *self.arguments.values())
            largest = max(v for v in sizes if is_integer(v))
            if largest > self._most_weights:
                raise ValueError(
                    f"it asks for {describe(largest)} of something, and the file of "
                    f"weights has room for {self._most_weights:,} numbers."
                )
            if not isinstance(self.frozen, list) or not all(
                isinstance(path, str) for path in self.frozen
            ):
                raise ValueError(
                    f"`frozen` must be a list of paths, got {describe(self.frozen)}."
                )
            if self.class_names is not None:
                self.class_names = standardize_class_names(self.class_names, classes)
            if self.switch_prior is not None:
                _check_switch_prior(self.switch_prior)
        except ValueError as error:
            raise self._damaged(CONFIG, error) from error

    def _add_switch_prior(self, model):
        if not hasattr(model, "set_switch_prior"):
            raise self._damaged(
                CONFIG, f"{self.function} has no prior of switches: `switch_prior`"
            )
        try:
            with weights_within(self._most_weights):
                parts = build_switch_prior(model, self.switch_prior)
        except ValueError as error:
            raise self._damaged(CONFIG, f"`switch_prior`: {error}") from error
        model.set_switch_prior(self.switch_prior, *parts)

    def _check_weights(self, model):
        """Raise if weights are numbers that no model has learned."""
        for weight in model.weights:
            found = np.asarray(ops.convert_to_numpy(weight), "float32")
            if not np.isfinite(found).all():
                raise self._damaged(
                    WEIGHTS, f"`{weight.path}` holds NaN or infinite values"
                )
        for part in getattr(model, "trees", [model]):
            variance = float(ops.convert_to_numpy(part.noise_variance))
            least = float(np.min(part.prior))
            if not (variance > 0 and least >= 0):
                raise self._damaged(
                    WEIGHTS,
                    f"σ² of `{part.name}` is {variance:g} and the least of π_c "
                    f"{least:g}, but they must be above 0 and at least 0",
                )

    def _missing(self, file):
        return FileNotFoundError(
            f"The preset at {self.folder} has no {file}. Copy the whole folder again. "
            f"{_available()}"
        )

    def _damaged(self, file, reason):
        """Return the error that a file is not as `save_to_preset` writes it."""
        reason = str(reason).rstrip(".")
        return ValueError(
            f"{self.folder / file} is no file of a preset: {reason}. Copy the folder "
            "again, or write it by `save_to_preset`."
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


def is_hidden_by_shipped(folder):
    """Return whether the name of a folder is that of a preset of the library's own.

    That is what loading a preset by the name alone would find.

    Args:
        folder: a `Path`.
    """
    is_own = folder.resolve().parent == SHIPPED.resolve()
    return folder.name in presets() and not is_own


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
        if is_hidden_by_shipped(Path(text)) and Path(text).is_dir():
            path = str(Path(text).resolve())
            warnings.warn(
                f"{text!r} is the name of a preset of the library, which is taken. For "
                f"the folder of this name give its path, {path!r}.",
                stacklevel=4,
            )
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


def _check_switch_prior(config):
    if not isinstance(config, dict) or set(config) != {*_SIZES_OF_PRIOR, "beta"}:
        raise ValueError(
            f"`switch_prior` must be an object of {', '.join(_SIZES_OF_PRIOR)} and "
            f"beta, got {describe(config)}."
        )
    for name in _SIZES_OF_PRIOR:
        standardize_integer(config[name], name)
    standardize_number(config["beta"], "beta", above=0)
