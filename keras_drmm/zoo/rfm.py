"""The paper's RFM."""

from keras_drmm.models import RFM
from keras_drmm.zoo.lenet import lenet_levels
from keras_drmm.zoo.preset import load_preset
from keras_drmm.zoo.settings import compile_factor_model


def rfm(input_shape=(28, 28, 1), num_classes=10, training_steps=None, preset=None):
    """Return the Rendering Factor Model, compiled for EG.

    The first level of LeNet (Appendix I), with batch normalisation bottom-up: 20
    templates of 5x5 "valid" and pooling by 2, 32 factors and class templates with a
    value for each position and channel.

    Args:
        input_shape: (H, W, C) of an image, at least 6x6.
        num_classes: number of classes.
        training_steps: steps of the whole training, over which the learning rate falls
            to 0; None keeps it constant.
        preset: name or path of a preset whose weights it gets, see `from_preset`; None
            for initial weights.

    Returns:
        A compiled `RFM`.

    Raises:
        FileNotFoundError: there is no such preset, or one of its files is missing.
        ValueError: the preset is damaged, or of another function or other arguments.

    Example:

    >>> model = keras_drmm.zoo.rfm()

    Source: Patel, Nguyen, Baraniuk (2016), section 4, Appendices C and I.
    """
    (level,) = lenet_levels(1)
    model = RFM(level, input_shape, num_classes, name="rfm")
    load_preset(model, preset)
    compile_factor_model(model, training_steps)
    return model
