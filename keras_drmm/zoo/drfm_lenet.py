"""The paper's 2-level DRFM."""

import keras

from keras_drmm.learning import EG
from keras_drmm.learning.schedule import falling
from keras_drmm.models import DRFM
from keras_drmm.zoo.lenet import lenet_levels


def drfm_lenet(input_shape=(28, 28, 1), num_classes=10, training_steps=None):
    """Return the 2-level Deep Rendering Factor Model, compiled for EG.

    The levels of `drmm_lenet`, with 32 factors on top.

    Args:
        input_shape: (H, W, C) of an image, at least 14x14.
        num_classes: number of classes.
        training_steps: steps of the whole training, over which the learning rate falls
            to 0; None keeps it constant.

    Returns:
        A compiled `DRFM`.

    Example:

    >>> model = keras_drmm.zoo.drfm_lenet()

    Source: Patel, Nguyen, Baraniuk (2016), section 4 and Appendix I.
    """
    model = DRFM(lenet_levels(2), num_classes, input_shape, name="drfm_lenet")
    model.compile(
        keras.optimizers.Adam(falling(2e-3, training_steps)),
        # z may be negative in a factor model.
        algorithm=EG(nonnegativity=0, rows_per_render=4, warmup_steps=1000),
    )
    return model
