"""StyleFactors: the factors that go with a style."""

import keras
import numpy as np
from keras import ops
from scipy import stats

from keras_drmm.layers.arguments import check_keywords, standardize_integer
from keras_drmm.layers.weight_budget import CountsWeights

# Of the mean variance of a factor: keeps what is left of the factors invertible.
SMALLEST_SHARE = 1e-6


@keras.saving.register_keras_serializable(package="keras_drmm")
class StyleFactors(CountsWeights, keras.layers.Layer):
    r"""The prior of the factors of a `DRFM` given class and style.

    $$p(z \mid u, c) = \mathcal{N}(z;\, A u + b_c,\, S)$$

    Factors and switches of an image belong together, as switches do: a rendering with
    factors that are drawn on their own, from N(0, 1), is none of a class. Nothing here
    has a gradient: `fit` computes the closed form. A layer that was not fitted has
    N(0, 1).

    Args:
        num_classes: number of classes.
        style_size: d, the number of values of a style.
        num_factors: number of factors.
        **kwargs: `name`, `dtype` of `keras.layers.Layer`.

    Shapes:
        styles (B, d), classes (B,) -> factors (B, num_factors).

    Raises:
        ValueError: an argument is out of range.

    Example:

    >>> factors = StyleFactors(num_classes=3, style_size=2, num_factors=4)
    >>> factors.mean(np.ones((5, 2)), np.zeros(5, int)).shape
    (5, 4)

    Source: none in the paper, whose factors are independent of all else.
    """

    def __init__(self, num_classes, style_size, num_factors, **kwargs):
        check_keywords(type(self), kwargs)
        super().__init__(**kwargs)
        self.num_classes = standardize_integer(num_classes, "num_classes", minimum=2)
        self.style_size = standardize_integer(style_size, "style_size")
        self.num_factors = standardize_integer(num_factors, "num_factors")
        wide = self.num_factors
        self.slope = self._add_state("slope", (wide, self.style_size), "zeros")
        self.offsets = self._add_state("offsets", (self.num_classes, wide), "zeros")
        self.covariance = self._add_state("covariance", (wide, wide), "identity")
        self.built = True

    def mean(self, styles, classes):
        """Return A u + b_c, (B, num_factors), a NumPy array.

        Args:
            styles: u, (B, d).
            classes: integers (B,).
        """
        slope, offsets, _ = self._values()
        return np.asarray(styles) @ slope.T + offsets[np.asarray(classes)]

    def log_prob(self, factors, styles, classes):
        """Return ln p(z | u, c) in nats, (B,), a NumPy array.

        Args:
            factors: z, (B, num_factors).
            styles: u, (B, d).
            classes: integers (B,).
        """
        rest = np.asarray(factors, "float64") - self.mean(styles, classes)
        density = stats.multivariate_normal(cov=self._values()[2])
        return np.atleast_1d(density.logpdf(rest))

    def fit(self, means, variances, classes, factors):
        r"""Compute the closed form from posteriors q(u | I) = N(μ, diag v) of images.

        A, b and S maximise $\sum_n E_q \ln p(\hat z_n \mid u_n, c_n)$: a regression
        in which the squares of u are those expected under q.

        Args:
            means: μ, (N, d).
            variances: v, (N, d).
            classes: integers (N,), each class at least once.
            factors: ẑ, (N, num_factors).
        """
        means, factors = np.float64(means), np.float64(factors)
        rows = [classes == c for c in range(self.num_classes)]
        style_middles, factor_middles = (
            np.stack([values[chosen].mean(axis=0) for chosen in rows])
            for values in (means, factors)
        )
        u, z = means - style_middles[classes], factors - factor_middles[classes]
        squares = u.T @ u + np.diag(variances.sum(axis=0, dtype="float64"))
        slope = np.linalg.solve(squares, u.T @ z).T
        left = (z.T @ z - slope @ (u.T @ z)) / len(z)
        least = SMALLEST_SHARE * np.square(z).mean() * np.eye(self.num_factors)
        self.slope.assign(slope)
        self.offsets.assign(factor_middles - style_middles @ slope.T)
        self.covariance.assign((left + left.T) / 2 + least)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "style_size": self.style_size,
            "num_factors": self.num_factors,
        }

    def _values(self):
        return [ops.convert_to_numpy(v).astype("float64") for v in self.weights]

    def _add_state(self, name, shape, initializer):
        return self.add_weight(
            name=name,
            shape=shape,
            dtype="float32",
            initializer=initializer,
            trainable=False,
        )
