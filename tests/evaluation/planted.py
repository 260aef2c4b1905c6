"""A model whose predictions are planted, and the data set that it is for."""

import numpy as np

from keras_drmm import data

NAMES = ["<b>cat</b>", "dog & 'co'", 'the "owl"']
RNG = np.random.default_rng(0)
Y = np.arange(200) % 3
# Sure and often right; class 2 is mostly taken for 1.
LOGITS = 3 * RNG.normal(size=(200, 3)) + 5 * np.eye(3)[np.where(Y == 2, 1, Y)]
# The first pixel is the row.
X = RNG.integers(0, 256, (200, 6, 5), dtype="uint8")
X[:, 0, 0] = np.arange(200)


class Planted:
    """Predicts what was planted for the row that an image says it is."""

    name = "<script>alert(1)</script>"

    def __init__(self, logits=LOGITS):
        self.logits = logits

    def predict(self, images, verbose):
        assert verbose == 0
        assert images.max() <= 1
        return self.logits[np.rint(images[:, 0, 0, 0] * 255).astype(int)]


def make_dataset(validation=80, labels=Y, x=X, num_labels=30, **options):
    return data.semi_supervised(x, labels, num_labels, validation=validation, **options)
