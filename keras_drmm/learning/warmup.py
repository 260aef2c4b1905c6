"""Warmup: terms of an objective that rise over the first steps of `fit`."""

import keras
from keras import ops

# The longest warm-up, as a part of all steps.
DIVISOR = 3


class Warmup:
    """The share of its weight that a term has, which rises from 0 to 1.

    Args:
        steps: the number of training steps that it takes to rise; with 0 only the
            first step is without the term.
    """

    def __init__(self, steps=0):
        # A variable, so that a compiled step of TensorFlow sees it change.
        self.steps = keras.Variable(float(steps), trainable=False, dtype="float32")

    def follow(self, total, longest):
        """Rise over a third of `total` steps, and over at most `longest`."""
        self.steps.assign(float(min(longest, total // DIVISOR)))

    def share(self, taken):
        """Return the share after so many steps, a tensor from 0 to 1.

        Args:
            taken: an integer tensor.
        """
        steps = ops.maximum(ops.convert_to_tensor(self.steps), 1e-6)
        return ops.minimum(ops.cast(taken, "float32") / steps, 1.0)
