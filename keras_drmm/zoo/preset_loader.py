"""Trained models by name."""

from keras_drmm.zoo.functions import FUNCTIONS, shape_arguments
from keras_drmm.zoo.preset import Preset, names


def presets():
    """List the presets that come with the library.

    Returns:
        Their names, sorted.

    Example:

    >>> for name in keras_drmm.zoo.presets():
    ...     model = keras_drmm.zoo.from_preset(name)
    """
    return names()


def from_preset(name_or_path):
    """Return a trained model of the zoo, compiled as its function compiles it.

    Nothing is downloaded and no code of the preset is run: its `config.json` names a
    function of the zoo and the arguments, `model.weights.h5` holds arrays. Their
    SHA-256 is checked first.

    Args:
        name_or_path: a name of `presets()`, or the path of a folder that
            `save_preset` wrote. A name goes before a folder of the same name.

    Returns:
        A compiled model. Fit it further, or `predict` at once.

    Raises:
        FileNotFoundError: there is no such preset, or one of its files is missing.
        ValueError: a file is damaged, or names no function of the zoo.

    Example:

    >>> (name, *_) = keras_drmm.zoo.presets()
    >>> model = keras_drmm.zoo.from_preset(name)
    """
    preset = Preset(name_or_path)
    # A list, since what the file asks for may be anything, hashable or not.
    if preset.function not in list(FUNCTIONS):
        raise ValueError(
            f"The preset at {preset.folder} asks for {preset.function!r}, which is no "
            f"function of the zoo. It must be one of {', '.join(FUNCTIONS)}."
        )
    function = FUNCTIONS[preset.function]
    if set(preset.arguments) != set(shape_arguments(function)):
        raise ValueError(
            f"The preset at {preset.folder} must give {preset.function} the arguments "
            f"{', '.join(shape_arguments(function))}; it has {preset.call()}."
        )
    return function(**preset.arguments, preset=preset.folder)
