"""epochs_for: how long to learn from a data set."""

import math

from keras_drmm.layers.arguments import describe

# Steps after which the models of the zoo have learned few small images, and the fewest
# epochs, which many images get.
STEPS, LEAST_EPOCHS = 1000, 10


def epochs_for(dataset):
    r"""Return how many epochs are enough for the models of the zoo.

    $$\max\left(10, \lceil 1000 / B \rceil\right)$$

    B is the number of batches in an epoch. What counts is the number of training steps:
    an epoch of 600 images is six of them, in which little is learned, while 60,000
    images have learned most in ten epochs. The learning rate falls over `fit`, so a fit
    that is too short cannot be mended by another one of the same length.

    Args:
        dataset: what `fit` is given, such as `keras_drmm.data.semi_supervised` returns,
            whose `len` is the number of its batches.

    Returns:
        An integer, `epochs` of `fit`.

    Raises:
        ValueError: the data set does not tell how many batches it has.

    Example:

    >>> images = np.zeros((600, 8, 8), "uint8")
    >>> dataset = keras_drmm.data.semi_supervised(images, np.arange(600) % 3, 30)
    >>> len(dataset), keras_drmm.zoo.epochs_for(dataset)
    (6, 167)

    Source: none; measured on small images (`python -m recipes.digits`).
    """
    batches = len(dataset) if hasattr(dataset, "__len__") else 0
    if batches < 1:
        raise ValueError(
            "`dataset` must have at least one batch and tell by `len` how many there "
            f"are, got {describe(dataset)}. Make it by `data.semi_supervised`."
        )
    return max(LEAST_EPOCHS, math.ceil(STEPS / batches))
