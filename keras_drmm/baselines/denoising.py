"""Denoising: the denoising function g of the ladder network."""

from typing import Any

import keras
import numpy as np
from keras import ops


class Denoising(keras.layers.Layer):
    r"""Estimate a unit's clean value from its noisy value and from the level above.

    $$g(\tilde z, u) = (\tilde z - \mu(u))\, v(u) + \mu(u)$$

    $$\mu(u) = a_1 \sigma(a_2 u + a_3) + a_4 u + a_5, \qquad
    v(u) = a_6 \sigma(a_7 u + a_8) + a_9 u + a_{10}$$

    This is the best estimate of a Gaussian z whose mean and variance depend on u. Each
    unit has ten parameters a of its own; a₂ and a₇ start at 1, the others at 0.

    Args:
        **kwargs: `name`, `dtype` of `keras.layers.Layer`.

    Shapes:
        z̃ and u, both (B, units) -> ẑ (B, units).

    Example:

    >>> layer = Denoising()
    >>> tuple(layer(np.ones((2, 3), "float32"), np.ones((2, 3), "float32")).shape)
    (2, 3)

    Source: Rasmus et al. (2015), arXiv:1507.02672, equation (2).
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.a: Any = None

    def build(self, input_shape):
        start = np.zeros((10, 1), "float32")
        start[[1, 6]] = 1
        self.a = self.add_weight(
            name="a",
            shape=(10, input_shape[-1]),
            initializer=keras.initializers.Constant(start),
        )

    def call(self, noisy, u):
        a = ops.convert_to_tensor(self.a)
        a1, a2, a3, a4, a5, a6, a7, a8, a9, a10 = ops.unstack(a, 10)
        mean = a1 * ops.sigmoid(a2 * u + a3) + a4 * u + a5
        trust = a6 * ops.sigmoid(a7 * u + a8) + a9 * u + a10
        return (noisy - mean) * trust + mean

    def compute_output_shape(self, noisy_shape, u_shape=None):
        return noisy_shape
