"""FactorTemplates: what Gaussian factors add to the top of a factor model."""

import math
from typing import Any

import keras
from keras import ops

from keras_drmm.layers.arguments import check_keywords, standardize_integer
from keras_drmm.layers.weight_budget import CountsWeights


@keras.saving.register_keras_serializable(package="keras_drmm")
class FactorTemplates(CountsWeights, keras.layers.Layer):
    r"""The loading matrix Λ^(L+1) of a factor model: renders factors, and matches.

    $$z^{(L)} = \Lambda^{(L+1)} z^{(L+1)} + \mu_c, \qquad
    z^{(L+1)} \sim \mathcal{N}(0, 1_d)$$

    `render` computes the first summand, `call` applies the transpose. The templates
    are the same for all classes.

    Args:
        num_factors: d, the number of factors.
        **kwargs: `name`, `dtype` of `keras.layers.Layer`.

    Shapes:
        `call`: (B, H, W, C) -> (B, d); `render`: (B, d) -> (B, H, W, C). The
        `templates` are (H * W * C, d).

    Raises:
        ValueError: `num_factors` is not a positive integer, or the layer is built for
            a map of unknown size.

    Example:

    >>> layer = FactorTemplates(4)
    >>> tuple(layer(np.ones((2, 3, 3, 8), "float32")).shape)
    (2, 4)
    >>> tuple(layer.render(np.ones((2, 4), "float32")).shape)
    (2, 3, 3, 8)

    Source: Patel, Nguyen, Baraniuk (2016), section 3.2, "Factor Model".
    """

    def __init__(self, num_factors, **kwargs):
        check_keywords(type(self), kwargs)
        super().__init__(**kwargs)
        self.num_factors = standardize_integer(num_factors, "num_factors")
        self.templates: Any = None

    def build(self, input_shape):
        if None in input_shape[1:]:
            raise ValueError(
                f"`{self.name}` has a template value for each position: build it for a "
                f"map of known size, not {tuple(input_shape)}."
            )
        self._map_shape = tuple(input_shape[1:])
        self.templates = self.add_weight(
            name="templates",
            shape=(math.prod(self._map_shape), self.num_factors),
            initializer="glorot_uniform",
        )

    def call(self, message):
        # (B, H, W, C) -> (B, H * W * C) -> (B, d)
        if tuple(message.shape[1:]) != self._map_shape:
            raise ValueError(
                f"`{self.name}` has templates of shape {self._map_shape}, got a map of "
                f"shape {tuple(message.shape)}."
            )
        flat = ops.reshape(message, (-1, math.prod(self._map_shape)))
        return ops.matmul(flat, self._cast_templates())

    def render(self, factors):
        """Return Λ^(L+1) z of factors (B, d), a map (B, H, W, C)."""
        if len(factors.shape) != 2 or factors.shape[1] != self.num_factors:
            raise ValueError(
                f"`{self.name}.render` takes factors (batch, {self.num_factors}), got "
                f"shape {tuple(factors.shape)}."
            )
        z = ops.matmul(factors, ops.transpose(self._cast_templates()))
        return ops.reshape(z, (-1, *self._map_shape))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_factors)

    def get_config(self):
        return {**super().get_config(), "num_factors": self.num_factors}

    def _cast_templates(self):
        # Outside of `call` Keras does not cast for mixed precision.
        return ops.cast(self.templates, self.compute_dtype)
