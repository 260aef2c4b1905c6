"""The paper's RFM."""

from keras_drmm.models import RFM
from keras_drmm.zoo.settings import FACTORS, lenet_levels, load_and_compile
from keras_drmm.zoo.zoo_model import zoo_model


@zoo_model
def rfm(input_shape=(28, 28, 1), num_classes=10, training_steps=None, preset=None):
    """Return the Rendering Factor Model, compiled for EG.

    It has the first level of LeNet (Appendix I), with batch normalisation bottom-up: 20
    templates of 5x5 "valid" and pooling by 2, then 32 factors, and class templates with
    a value for each position and channel. Images must be at least 6x6.

    Returns:
        A compiled `RFM`.

    Example:

    >>> model = keras_drmm.zoo.rfm()

    Source: Patel, Nguyen, Baraniuk (2016), section 4, Appendices C and I.
    """
    (level,) = lenet_levels(1)
    model = RFM(level, input_shape, num_classes, name="rfm")
    return load_and_compile(model, preset, training_steps, **FACTORS)
