"""The paper's 9-level DRMM."""

from keras_drmm.layers import Level
from keras_drmm.layers.arguments import standardize_integer
from keras_drmm.models import DRMM
from keras_drmm.zoo.settings import DEEP, load_and_compile
from keras_drmm.zoo.zoo_model import zoo_model


@zoo_model
def drmm_conv_large(
    input_shape=(32, 32, 3), num_classes=10, training_steps=None, preset=None
):
    """Return the 9-level DRMM of the paper's CIFAR-10 table, compiled for EG.

    It is the Conv-Large configuration of Appendix I (Rasmus et al. 2015), with batch
    normalisation bottom-up: three levels of 96 templates of 3x3, the last pooling by 2,
    three of 192 of 3x3, the last pooling by 2, then 192 of 3x3 "valid", 192 of 1x1,
    `num_classes` of 1x1, and class templates over their means. Images must be at least
    12x12.

    Returns:
        A compiled `DRMM`.

    Example:

    >>> model = keras_drmm.zoo.drmm_conv_large()

    Source: Patel, Nguyen, Baraniuk (2016), section 4 and Appendix I.
    """
    num_classes = standardize_integer(num_classes, "num_classes", minimum=2)
    levels = [
        Level(filters, 3, pool_size=pool_size, batch_norm=True)
        for filters in (96, 192)
        for pool_size in (1, 1, 2)
    ]
    levels += [
        Level(192, 3, padding="valid", batch_norm=True),
        Level(192, 1, batch_norm=True),
        Level(num_classes, 1, batch_norm=True),
    ]
    model = DRMM(
        levels,
        input_shape,
        num_classes,
        # The top level has one channel for each class: it starts as that class'
        # template.
        templates_initializer="identity",
        name="drmm_conv_large",
    )
    return load_and_compile(model, preset, training_steps, **DEEP)
