"""The paper's 2-level DRFM."""

from keras_drmm.models import DRFM
from keras_drmm.zoo.settings import FACTORS, lenet_levels, load_and_compile
from keras_drmm.zoo.zoo_model import zoo_model


@zoo_model
def drfm_lenet(
    input_shape=(28, 28, 1), num_classes=10, training_steps=None, preset=None
):
    """Return the 2-level Deep Rendering Factor Model, compiled for EG.

    It has the levels of `drmm_lenet`, with 32 factors on top. Images must be at least
    14x14.

    Returns:
        A compiled `DRFM`.

    Example:

    >>> model = keras_drmm.zoo.drfm_lenet()

    Source: Patel, Nguyen, Baraniuk (2016), section 4 and Appendix I.
    """
    model = DRFM(lenet_levels(2), input_shape, num_classes, name="drfm_lenet")
    return load_and_compile(model, preset, training_steps, **FACTORS)
