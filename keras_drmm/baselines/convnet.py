"""The convnet of a DRMM's configuration, learned by backpropagation."""

import keras

from keras_drmm.layers.arguments import check_model
from keras_drmm.learning.schedule import cosine_decay
from keras_drmm.models.compile_arguments import resolve_jit
from keras_drmm.models.drmm import DRMM


def convnet(model, training_steps=None):
    """Return the stock convnet of a DRMM's configuration, freshly compiled.

    This is the baseline that the paper compares with: the same layers without the
    generative model, trained by cross-entropy alone. It starts from the weights of
    `model`.

    Args:
        model: an untrained `DRMM`.
        training_steps: number of steps of the whole training, over which the learning
            rate falls to 0 along a cosine. None keeps the rate constant.

    Returns:
        A compiled functional `keras.Model` that returns logits.

    Example:

    >>> model = convnet(keras_drmm.zoo.drmm_conv_small((12, 12, 1), num_classes=3))
    >>> model.predict(np.zeros((2, 12, 12, 1)), verbose=0).shape
    (2, 3)
    """
    check_model(model, "model", DRMM)
    stock = model.to_convnet()
    rate = 2e-3 if training_steps is None else cosine_decay(2e-3, training_steps)
    stock.compile(
        keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=resolve_jit("auto"),
    )
    return stock
