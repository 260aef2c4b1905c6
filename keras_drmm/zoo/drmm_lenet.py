"""The paper's 2-level DRMM."""

from keras_drmm.models import DRMM
from keras_drmm.zoo.settings import lenet_levels, load_and_compile
from keras_drmm.zoo.zoo_model import zoo_model


@zoo_model
def drmm_lenet(
    input_shape=(28, 28, 1), num_classes=10, training_steps=None, preset=None
):
    """Return the 2-level DRMM, compiled for EG.

    It is the LeNet-like configuration of Appendix I, with batch normalisation
    bottom-up: 20 templates of 5x5 "valid" and pooling by 2, 50 of 5x5 "valid" and
    pooling by 2, and class templates with a value for each position and channel. Images
    must be at least 14x14.

    Returns:
        A compiled `DRMM`.

    Example:

    >>> model = keras_drmm.zoo.drmm_lenet()

    Source: Patel, Nguyen, Baraniuk (2016), section 4 and Appendix I.
    """
    model = DRMM(
        lenet_levels(2), input_shape, num_classes, pooling=None, name="drmm_lenet"
    )
    return load_and_compile(model, preset, training_steps)
