"""The data sets by name."""

import numpy as np

from recipes.untuned.letters import draw_letters
from recipes.untuned.objects import draw_objects

DRAWN = {"letters": draw_letters, "objects": draw_objects}
NAMES = (*DRAWN, "cifar10_grey")
# To learn from, of CIFAR-10 the first ones; and to test on, of CIFAR-10 all.
TRAINING, TEST = 4000, 2000
# What grey keeps of red, green and blue (ITU-R BT.601).
_GREY = (0.299, 0.587, 0.114)


def load(name, data_dir=None):
    """Return (images (n, H, W) uint8, labels) to learn from, and those held out.

    The drawn images are the same at each call.

    Args:
        name: one of `NAMES`.
        data_dir: folder of CIFAR-10, see `keras_drmm.data.load`.
    """
    if name in DRAWN:
        x, y = DRAWN[name](TRAINING + TEST, np.random.default_rng(0))
        return (x[:TRAINING], y[:TRAINING]), (x[TRAINING:], y[TRAINING:])
    from keras_drmm import data

    (x, y), (x_test, y_test) = data.load("cifar10", data_dir)
    x, y = _grey(x[:TRAINING]), y[:TRAINING].reshape(-1)
    return (x, y), (_grey(x_test), y_test.reshape(-1))


def _grey(images):
    return np.round(images @ np.array(_GREY)).astype("uint8")
