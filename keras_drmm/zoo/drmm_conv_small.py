"""The paper's 5-level DRMM."""

from keras_drmm.layers import Level
from keras_drmm.layers.arguments import standardize_integer
from keras_drmm.models import DRMM
from keras_drmm.zoo.settings import DEEP, load_and_compile
from keras_drmm.zoo.zoo_model import zoo_model


@zoo_model
def drmm_conv_small(
    input_shape=(28, 28, 1), num_classes=10, training_steps=None, preset=None
):
    """Return the 5-level DRMM of the paper's MNIST tables, compiled for EG.

    It is the Conv-Small configuration of Appendix I (Rasmus et al. 2015), with batch
    normalisation bottom-up: 32 templates of 5x5 "full" and pooling by 2, 64 of 3x3
    "valid", 64 of 3x3 "full" and pooling by 2, 128 of 3x3 "valid", `num_classes` of
    1x1, and class templates over their means.

    Returns:
        A compiled `DRMM`, ready for `fit` on a semi-supervised data set.

    Example:

    >>> (x_train, y_train), _ = keras_drmm.data.load("mnist")
    >>> dataset = keras_drmm.data.semi_supervised(x_train, y_train, num_labels=100)
    >>> model = keras_drmm.zoo.drmm_conv_small(training_steps=8 * len(dataset))

    Source: Patel, Nguyen, Baraniuk (2016), section 4 and Appendix I. The settings are
    those of `recipes/ablation.py`, chosen on validation images.
    """
    num_classes = standardize_integer(num_classes, "num_classes", minimum=2)
    levels = [
        Level(32, 5, padding="full", pool_size=2, batch_norm=True),
        Level(64, 3, padding="valid", batch_norm=True),
        Level(64, 3, padding="full", pool_size=2, batch_norm=True),
        Level(128, 3, padding="valid", batch_norm=True),
        Level(num_classes, 1, batch_norm=True),
    ]
    model = DRMM(
        levels,
        input_shape,
        num_classes,
        # The top level has one channel for each class: it starts as that class'
        # template.
        templates_initializer="identity",
        name="drmm_conv_small",
    )
    return load_and_compile(model, preset, training_steps, **DEEP)
