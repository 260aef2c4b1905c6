"""The paper's 2-level DRMM."""

from keras_drmm.models import DRMM
from keras_drmm.zoo.lenet import lenet_levels
from keras_drmm.zoo.settings import compile_drmm


def drmm_lenet(input_shape=(28, 28, 1), num_classes=10, training_steps=None):
    """Return the 2-level DRMM, compiled for EG.

    The LeNet-like configuration of Appendix I, with batch normalisation bottom-up: 20
    templates of 5x5 "valid" and pooling by 2, 50 of 5x5 "valid" and pooling by 2, and
    class templates with a value for each position and channel.

    Args:
        input_shape: (H, W, C) of an image, at least 14x14.
        num_classes: number of classes.
        training_steps: steps of the whole training, over which the learning rate falls
            to 0; None keeps it constant.

    Returns:
        A compiled `DRMM`.

    Example:

    >>> model = keras_drmm.zoo.drmm_lenet()

    Source: Patel, Nguyen, Baraniuk (2016), section 4 and Appendix I.
    """
    model = DRMM(
        lenet_levels(2), num_classes, input_shape, pooling=None, name="drmm_lenet"
    )
    compile_drmm(model, training_steps)
    return model
