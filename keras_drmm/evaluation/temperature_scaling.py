"""TemperatureScaling: one number that makes logits as sure as they ought to be."""

import warnings

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.exceptions import NotFittedError

from keras_drmm.evaluation.checks import standardize_labels, standardize_logits

# ln T is searched within this of the logarithm of a typical gap between two logits.
_RANGE = 10.0


class TemperatureScaling:
    r"""Divides logits by a temperature T that fits labelled rows.

    $$T = \arg\min_T -\sum_n \ln \mathrm{softmax}(z_n / T)_{y_n}$$

    The most probable class of a row stays the same, so the error does, too. With T
    above 1 the classifier was too sure.

    Fit it on rows that the network did not learn: of those that it learned it is much
    too sure, and the T that they give is too small. `cross_validated_temperature`
    learns T from the labelled training rows alone.

    Attributes:
        temperature: T, or None before `fit`.

    Example:

    >>> logits = [[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [4.0, 0.0]]
    >>> scaling = TemperatureScaling().fit(logits, [0, 0, 0, 1])
    >>> scaling.transform(logits)[0].round(3).tolist()  # as often as it is right
    [0.75, 0.25]

    Source: Guo, Pleiss, Sun, Weinberger (2017), "On Calibration of Modern Neural
    Networks", section 4.2.
    """

    def __init__(self):
        self.temperature = None

    def fit(self, logits, labels):
        """Find T.

        If all labelled rows are classified right, the cross entropy falls for ever as T
        goes to 0. They do not tell T then, which is set to 1.

        Args:
            logits: (N, K).
            labels: integers (N,) from 0 to K - 1. Rows with -1 are not used.

        Returns:
            This object.

        Raises:
            ValueError: logits or labels are not as described, or all labels are -1.

        Warns:
            UserWarning: all labelled rows are classified right.
        """
        logits = standardize_logits(logits)
        labels = standardize_labels(labels, logits, may_be_unknown=True)
        logits, labels = logits[labels >= 0], labels[labels >= 0]
        rows = np.arange(len(labels))
        if (logits[rows, labels] == logits.max(axis=1)).all():
            warnings.warn(
                f"All {len(labels)} labelled rows are classified right, so they do not "
                "tell how sure to be: the temperature stays 1. Fit it on more rows.",
                stacklevel=2,
            )
            self.temperature = 1.0
            return self

        def cross_entropy(log_temperature):
            scaled = -gaps / np.exp(log_temperature)
            return -log_softmax(scaled, axis=1)[rows, labels].mean()

        # Softmax sees differences alone, and nothing of a class that is masked out.
        gaps = logits.max(axis=1, keepdims=True) - logits
        smallest = np.where(gaps > 0, gaps, np.inf).min(axis=1)
        centre = np.log(np.median(smallest[np.isfinite(smallest)]))
        found = minimize_scalar(
            cross_entropy,
            bounds=(centre - _RANGE, centre + _RANGE),
            method="bounded",
            options={"xatol": 1e-8},
        )
        self.temperature = float(np.exp(found.x))
        return self

    def transform(self, logits):
        """Return softmax(logits / T).

        Args:
            logits: (N, K).

        Returns:
            Probabilities, float64 (N, K).

        Raises:
            NotFittedError: `fit` was not called; it is a ValueError.
            ValueError: the logits are not as described.
        """
        if self.temperature is None:
            raise NotFittedError("There is no `temperature` yet: call `fit` first.")
        return softmax(standardize_logits(logits) / self.temperature, axis=1)
