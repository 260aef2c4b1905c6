"""FittingLabels: labels that JAX would cut to 32 bits, looked at before it does."""

import keras
import numpy as np


class FittingLabels:
    """A train or test function of JAX that refuses labels beyond int32.

    JAX makes int32 of 64-bit integers without a word: 2^32 becomes class 0. A compiled
    step sees the result alone.

    Args:
        function: (state, iterator) -> (logs, state), as Keras makes it. A
            `FittingLabels` stays as it is.

    Raises:
        ValueError: when it is called and a label of a batch does not fit.
    """

    def __init__(self, function):
        is_one = isinstance(function, FittingLabels)
        self.function = function.function if is_one else function

    def __call__(self, state, iterator):
        return self.function(state, map(_checked, iterator))


def _checked(data):
    """Return a batch as it is, if its labels fit int32."""
    _, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
    if isinstance(labels, np.ndarray) and labels.dtype.kind in "iu" and labels.size:
        lowest, highest = int(labels.min()), int(labels.max())
        if lowest < -(2**31) or highest >= 2**31:
            raise ValueError(
                "Labels must be -1 (unlabelled) or the number of a class, got a batch "
                f"with values from {lowest} to {highest}. Number the classes from 0."
            )
    return data
