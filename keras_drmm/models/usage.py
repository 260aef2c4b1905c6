"""Usage: which classes and templates an epoch had no use for."""

import warnings
from typing import Any

import numpy as np

# A count of no more than this is none: it is what a posterior leaves that is nowhere 0.
# Where all rows together weigh less than 1, it is their share.
LEAST = 1e-5


class Usage:
    """Counts of an epoch: rows of each class, and how often each template was ON.

    It makes no pass over the data of its own: learners hand over counts that they have.
    """

    def __init__(self):
        self.forget()

    def forget(self):
        """Begin an epoch."""
        self._rows: Any = 0.0
        self._on: dict = {}

    def add(self, rows, on):
        """Add counts.

        Args:
            rows: (num_classes,), of each class, or None where none were counted.
            on: {name: (templates,) how often each was ON}.
        """
        if rows is not None:
            self._rows = self._rows + np.asarray(rows, "float64")
        for name, counts in on.items():
            self._on[name] = self._on.get(name, 0.0) + np.asarray(counts, "float64")

    def warn(self):
        """Warn of classes without a row and templates that were never ON, if any."""
        found = []
        empty = _find_unused(self._rows) if np.ndim(self._rows) else []
        if empty:
            found.append(
                f"no row was assigned to {len(empty)} of {len(self._rows)} classes "
                f"({_name_some(empty)})"
            )
        for name, counts in self._on.items():
            dead = _find_unused(counts)
            if dead:
                found.append(
                    f"{len(dead)} of {len(counts)} templates of {name} were never ON "
                    f"({_name_some(dead)})"
                )
        if found:
            warnings.warn(
                f"In the last epoch {'; '.join(found)}. What nothing uses does not "
                "learn: start from other weights, lower the learning rate, or give the "
                "model fewer of them.",
                stacklevel=2,
            )


def _find_unused(counts):
    return np.flatnonzero(counts <= LEAST * min(1.0, counts.sum())).tolist()


def _name_some(numbers):
    """Return numbers in words, the first ten of many."""
    some = ", ".join(map(str, numbers[:10]))
    return some if len(numbers) <= 10 else f"{some}, .."
