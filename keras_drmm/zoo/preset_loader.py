"""Trained models by name."""

from keras_drmm.layers.arguments import standardize_boolean
from keras_drmm.layers.keeps_frozen import freeze
from keras_drmm.zoo.preset import Preset
from keras_drmm.zoo.zoo_model import FUNCTIONS


def from_preset(name_or_path, load_weights=True, num_classes=None):
    """Return a model of the zoo with the weights of a preset.

    Nothing is downloaded and no code of the preset is run: its `config.json` names a
    function of the zoo and the arguments, and `model.weights.h5` holds arrays. The
    SHA-256 of both files is checked first, then what they declare: no model is made
    that is larger than the file of weights. The model is compiled as the function of
    the zoo compiles it.

    Args:
        name_or_path: a name from `presets()`, or the path of a folder that
            `save_to_preset` wrote. If there are both, the name is used.
        load_weights: whether to load the preset's weights; otherwise the model has the
            same architecture and initial weights.
        num_classes: None for the preset's classes. A number gives a model for other
            classes, be there as many or not: it has the preset's levels, whose weights
            and nuisances fit, and initial class templates. A level with one template
            for each class is new as well, and so is what goes with classes: their
            names, π_c and a prior of switches.

    Returns:
        A compiled model.

    Raises:
        FileNotFoundError: there is no such preset, or one of its files is missing.
        ValueError: a file is damaged, the preset is not of a function of the zoo,
            `load_weights` is no bool, or `num_classes` is given and the model has no
            levels.
        TypeError: `name_or_path` is neither a name nor a path.

    Example:

    >>> model = keras_drmm.zoo.from_preset("rfm_mnist_100")
    >>> model.predict(np.zeros((1, 28, 28, 1)), verbose=0).shape
    (1, 10)
    >>> letters = keras_drmm.zoo.from_preset("rfm_mnist_100", num_classes=26)
    """
    load_weights = standardize_boolean(load_weights, "load_weights")
    preset = Preset(name_or_path)
    # Also where it is only looked at: it shows that the file's arguments are a model's.
    own = preset.make(load_weights)
    if num_classes is None:
        return own
    function = FUNCTIONS[preset.function]
    model = function(**{**preset.arguments, "num_classes": num_classes})
    if not hasattr(model, "levels"):
        raise ValueError(
            f"`num_classes` makes new class templates above the levels of a network, "
            f"and {preset.function} has no levels: leave it out, got {num_classes}."
        )
    if load_weights:
        # A level whose shape follows the number of classes has a template for each.
        arguments = {**preset.arguments, "num_classes": own.num_classes + 1}
        _copy_levels(own, model, function(**arguments))
        freeze(model, preset.frozen)
    return model


def _copy_levels(source, model, other):
    """Copy the weights of levels, and their priors, that are not of the classes.

    Args:
        source: the model that has learned.
        model: the new one.
        other: a model of the same function with other classes than `source`.
    """
    parts = [(*v.levels, *v.nuisance_priors) for v in (source, model, other)]
    for old, new, varied in zip(*parts, strict=True):
        if [w.shape for w in old.weights] == [w.shape for w in varied.weights]:
            new.set_weights(old.get_weights())
