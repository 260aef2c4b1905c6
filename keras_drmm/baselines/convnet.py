"""The convnet of a DRMM's configuration, learned by backpropagation."""

import keras

from keras_drmm.learning.schedule import cosine_decay
from keras_drmm.models.learner import resolve_jit


def convnet(model, training_steps=None):
    """Return the stock convnet of a DRMM's configuration, freshly compiled.

    The peer that the paper compares with: the same layers without the generative model,
    trained by cross-entropy alone. It starts from the weights of `model`.

    Args:
        model: a `DRMM`, not yet trained.
        training_steps: steps of the whole training, over which the learning rate
            falls to 0 along a cosine; None keeps it constant.

    Returns:
        A compiled functional `keras.Model` that returns logits.
    """
    stock = model.to_convnet()
    stock.compile(
        keras.optimizers.Adam(cosine_decay(2e-3, training_steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=resolve_jit("auto"),
    )
    return stock
