"""ClassStyles: how the styles of each class are spread."""

import keras
import numpy as np
from keras import ops
from scipy import special, stats

from keras_drmm.layers.arguments import (
    check_choice,
    check_keywords,
    standardize_integer,
)
from keras_drmm.layers.weight_budget import CountsWeights

# Added to the diagonal of a covariance, so that it can be inverted.
SMALLEST_VARIANCE = 1e-4
# In nats of an image: with less, EM takes twice the sweeps for what held-out images do
# not show.
TOLERANCE = 1e-2
METHODS = ("posterior", "transport", "shift")
# Of "posterior", chosen on MNIST's validation images: γ and τ. A style varies about as
# much as N(0, 1) within a class, as it is learned with that prior.
SHARED = 0.2
BLUR = 0.45


@keras.saving.register_keras_serializable(package="keras_drmm")
class ClassStyles(CountsWeights, keras.layers.Layer):
    r"""The prior of the style u of each class, a mixture of Gaussians.

    $$p(u \mid c) = \sum_k w_{ck}\, \mathcal{N}(u;\, m_{ck}, \Sigma_{ck})$$

    Nothing here has a gradient: `fit` computes the closed form from posteriors of u. A
    layer that was not fitted has N(0, 1) for each class.

    Args:
        num_classes: number of classes.
        style_size: d, the number of values of a style.
        components: Gaussians of a class.
        **kwargs: `name`, `dtype` of `keras.layers.Layer`.

    Shapes:
        styles (B, d); `shares` (num_classes, components), `means` (.., d) and
        `covariances` (.., d, d).

    Raises:
        ValueError: an argument is out of range, or a class has too few rows.

    Example:

    >>> styles = ClassStyles(num_classes=3, style_size=2)
    >>> styles.sample(np.array([0, 2]), np.random.default_rng(0)).shape
    (2, 2)

    Source: none in the paper, whose nuisances are independent.
    """

    def __init__(self, num_classes, style_size, components=1, **kwargs):
        check_keywords(type(self), kwargs)
        super().__init__(**kwargs)
        self.num_classes = standardize_integer(num_classes, "num_classes", minimum=2)
        self.style_size = standardize_integer(style_size, "style_size")
        self.components = standardize_integer(components, "components")
        kinds = (self.num_classes, self.components)
        square = (self.style_size, self.style_size)
        self.shares = self._add_state("shares", kinds, 1 / self.components)
        self.means = self._add_state("means", (*kinds, self.style_size), 0.0)
        self.covariances = self._add_state("covariances", (*kinds, *square), np.eye)
        self.built = True

    def log_prob(self, styles, classes):
        """Return ln p(u | c) in nats, (B,), a NumPy array.

        Args:
            styles: (B, d).
            classes: integers (B,).
        """
        styles, classes = np.asarray(styles, "float64"), np.asarray(classes)
        found = np.empty(len(styles))
        for c in np.unique(classes):
            rows = classes == c
            parameters = (v[c] for v in self._mixture())
            found[rows] = _log_density(styles[rows], *parameters)
        return found

    def sample(self, classes, random, spread=1.0):
        """Draw a style of each of some classes, (B, d).

        Args:
            classes: integers (B,).
            random: a `numpy.random.Generator`.
            spread: what the offset of a style from the mean of its class is multiplied
                by.
        """
        shares, means, covariances = self._mixture()
        classes = np.asarray(classes)
        # The component drawn is the number of cumulative shares below the draw.
        cumulative = np.cumsum(shares, axis=1)[:, :-1]
        component = (random.random((len(classes), 1)) > cumulative[classes]).sum(axis=1)
        noise = random.normal(size=(len(classes), self.style_size))
        roots = np.linalg.cholesky(covariances)
        styles = means[classes, component]
        for c, k in {*zip(classes.tolist(), component.tolist(), strict=True)}:
            rows = (classes == c) & (component == k)
            styles[rows] += noise[rows] @ roots[c, k].T
        middles = np.einsum("ck,ckd->cd", shares, means)[classes]
        return (middles + spread * (styles - middles)).astype("float32")

    def transfer(self, styles, classes, targets, method="posterior"):
        r"""Return the styles that other classes have where these classes have `styles`.

        $$u' = m_A + T \big(u - m_B + \gamma (m_B - m_A)\big)$$

        with mean m and covariance Σ of all of a class, and one of

        - "posterior": T = Σ_A (Σ_A + τ 1)⁻¹, γ = 0.2, τ = 0.45. This is E[u' | v] of u'
          ~ N(m_A, Σ_A) where v ~ N(u', τ 1) was observed at (1 - γ) m_A + γ m_B + u -
          m_B. Where class A varies, the style is kept, and elsewhere the class. With γ,
          some of how the classes themselves differ, such as a 1's little ink, is
          taken for style.
        - "transport": $T = \Sigma_B^{-1/2} (\Sigma_B^{1/2} \Sigma_A
          \Sigma_B^{1/2})^{1/2} \Sigma_B^{-1/2}$, γ = 0, the optimal transport from one
          Gaussian to the other: a style that is usual for its class becomes one that is
          usual for the other.
        - "shift": T = 1, γ = 0.

        Args:
            styles: u, (B, d).
            classes: B, integers (B,).
            targets: A, integers (B,).
            method: "posterior", "transport" or "shift".
        """
        check_choice(method, "method", METHODS)
        moments = [self.moments(c) for c in range(self.num_classes)]
        styles, found = np.asarray(styles, "float64"), np.empty(np.shape(styles))
        for b, a in {*zip(np.ravel(classes), np.ravel(targets), strict=True)}:
            rows = (classes == b) & (targets == a)
            (mean_a, covariance_a), (mean_b, covariance_b) = moments[a], moments[b]
            moved = styles[rows] - mean_b
            if method == "posterior":
                observed = covariance_a + BLUR * np.eye(self.style_size)
                moved = moved + SHARED * (mean_b - mean_a)
                moved = np.linalg.solve(observed, moved.T).T @ covariance_a
            if method == "transport":
                root, inverse = _power(covariance_b, 0.5), _power(covariance_b, -0.5)
                moved = moved @ (inverse @ _power(root @ covariance_a @ root) @ inverse)
            found[rows] = mean_a + moved
        return found.astype("float32")

    def moments(self, c):
        """Return mean and covariance of all styles of class `c`, (d,) and (d, d)."""
        shares, means, covariances = (v[c] for v in self._mixture())
        mean = shares @ means
        between = np.einsum("k,ki,kj->ij", shares, means - mean, means - mean)
        return mean, np.einsum("k,kij->ij", shares, covariances) + between

    def fit(self, means, variances, classes, random):
        r"""Compute the closed form from posteriors q(u | I) = N(μ, diag v) of images.

        With one Gaussian a class these are the mean of μ and the covariance of μ plus
        the mean of diag v, which maximise $\sum_n E_q \ln p(u_n \mid c_n)$. More are
        found by EM, from rows of the class that are drawn to start from.

        Args:
            means: μ, (N, d).
            variances: v, (N, d).
            classes: integers (N,).
            random: a `numpy.random.Generator`.

        Raises:
            ValueError: a class has fewer than two rows for each of its components.
                Nothing is changed then.
        """
        rows = np.bincount(classes, minlength=self.num_classes)
        least = 2 * self.components
        if rows.min() < least:
            c = int(rows.argmin())
            raise ValueError(
                f"Class {c} has {rows[c]} of the {len(classes)} images, by its label "
                f"or by what the model takes them for; a covariance for each of "
                f"{self.components} component(s) needs at least {least}. Give more "
                "images of it, or fewer `components`."
            )
        found = [
            self._fit_class(means[classes == c], variances[classes == c], random)
            for c in range(self.num_classes)
        ]
        for weight, values in zip(self.weights, zip(*found, strict=True), strict=True):
            weight.assign(np.stack(values))

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "style_size": self.style_size,
            "components": self.components,
        }

    def _fit_class(self, means, variances, random):
        """Return shares, means and covariances of one class."""
        # Imported where it is needed: `import keras_drmm` would wait for it.
        from sklearn.mixture import GaussianMixture

        mixture = GaussianMixture(
            self.components,
            reg_covar=SMALLEST_VARIANCE,
            tol=TOLERANCE,
            random_state=int(random.integers(2**31)),
        ).fit(means.astype("float64"))
        spread = np.diag(variances.mean(axis=0, dtype="float64"))
        return mixture.weights_, mixture.means_, mixture.covariances_ + spread

    def _mixture(self):
        shares, means, covariances = (
            ops.convert_to_numpy(v).astype("float64")
            for v in (self.shares, self.means, self.covariances)
        )
        return shares / shares.sum(axis=1, keepdims=True), means, covariances

    def _add_state(self, name, shape, value):
        """Add a weight of a value, or of what a function of the last size returns."""

        def initial(shape, dtype=None):
            given = value(shape[-1]) if callable(value) else value
            return ops.convert_to_tensor(np.broadcast_to(np.float32(given), shape))

        return self.add_weight(
            name=name,
            shape=shape,
            dtype="float32",
            initializer=initial,
            trainable=False,
        )


def _log_density(styles, shares, means, covariances):
    """Return ln Σ_k w_k N(u; m_k, Σ_k), (B,)."""
    parts = [
        np.log(share) + stats.multivariate_normal(mean, covariance).logpdf(styles)
        for share, mean, covariance in zip(shares, means, covariances, strict=True)
    ]
    return special.logsumexp(np.atleast_2d(np.transpose(parts)), axis=-1)


def _power(matrix, exponent=0.5):
    """Return a power of a symmetric, positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, SMALLEST_VARIANCE) ** exponent) @ vectors.T
