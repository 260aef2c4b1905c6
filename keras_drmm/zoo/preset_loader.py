"""Trained models by name."""

from keras_drmm.layers.arguments import standardize_boolean
from keras_drmm.zoo.preset import Preset
from keras_drmm.zoo.zoo_model import FUNCTIONS, shape_arguments


def from_preset(name_or_path, load_weights=True):
    """Return a model of the zoo with the weights of a preset.

    Nothing is downloaded and no code of the preset is run: its `config.json` names a
    function of the zoo and the arguments, and `model.weights.h5` holds arrays. The
    SHA-256 of both files is checked first. The model is compiled as the function of the
    zoo compiles it.

    Args:
        name_or_path: a name from `presets()`, or the path of a folder that
            `save_to_preset` wrote. If there are both, the name is used.
        load_weights: whether to load the preset's weights; otherwise the model has the
            same architecture and initial weights.

    Returns:
        A compiled model.

    Raises:
        FileNotFoundError: there is no such preset, or one of its files is missing.
        ValueError: a file is damaged, the preset is not of a function of the zoo, or
            `load_weights` is no bool.
        TypeError: `name_or_path` is neither a name nor a path.

    Example:

    >>> model = keras_drmm.zoo.from_preset("rfm_mnist_100")
    >>> model.predict(np.zeros((1, 28, 28, 1)), verbose=0).shape
    (1, 10)
    """
    load_weights = standardize_boolean(load_weights, "load_weights")
    preset = Preset(name_or_path)
    # A list, because what the file asks for may be anything, even unhashable.
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
    weights = preset.folder if load_weights else None
    return function(**preset.arguments, preset=weights)
