"""NaturalParameters: an RMM as the weights of a convnet layer."""

from typing import Any, NamedTuple

import numpy as np


class NaturalParameters(NamedTuple):
    r"""The natural parameters η(θ) of an RMM, in which its scores are linear (3), (4).

    $$w_{cg} = \frac{\mu_{cg}}{\sigma^2}, \quad b_{cg} = -\frac{\|\mu_{cg}\|^2}{2
    \sigma^2}, \quad b_a = \ln \frac{\pi_a}{1 - \pi_a}$$

    These relations are the generative constraints: a convnet that is free of them is
    the discriminative relaxation (44).

    Attributes:
        weights: w, (num_classes, num_nuisances, H, W, C).
        biases: b, (num_classes, num_nuisances).
        switch_bias: b_a, a number, None without a switch.

    Example:

    >>> eta = NaturalParameters.of(np.ones((2, 3, 4, 4, 1)), 0.5, 0.9)
    >>> templates, variance, on = eta.moments()
    >>> float(variance.round(6)), float(on.round(6))
    (0.5, 0.9)

    Source: Patel, Nguyen, Baraniuk (2016), section 3.1.
    """

    weights: Any
    biases: Any
    switch_bias: Any = None

    @classmethod
    def of(cls, templates, variance, on=None):
        """Return η of the moment parameters θ.

        Args:
            templates: μ, (num_classes, num_nuisances, H, W, C).
            variance: σ².
            on: π_a, the probability of ON, None without a switch.
        """
        weights = templates / variance
        biases = -np.square(templates).sum(axis=(2, 3, 4)) / (2 * variance)
        return cls(weights, biases, None if on is None else np.log(on) - np.log1p(-on))

    def moments(self):
        """Return θ: (templates, variance, on), the inverse of `of`.

        Raises:
            ValueError: no θ has these η, as after learning w and b freely.
        """
        squares = np.square(self.weights).sum(axis=(2, 3, 4))
        variance = -2 * np.sum(self.biases) / np.sum(squares)
        expected = -variance * squares / 2
        if not (variance > 0 and np.allclose(self.biases, expected, rtol=1e-3)):
            raise ValueError(
                "No σ² gives these weights and biases: b = -σ² ||w||² / 2 must hold "
                "for all templates. Weights that were learned without this constraint "
                "(44) are those of a convnet, not of an RMM."
            )
        on = None if self.switch_bias is None else 1 / (1 + np.exp(-self.switch_bias))
        return variance * self.weights, variance, on
