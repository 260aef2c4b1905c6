"""TrainingRows: the rows that a `fit` learns from."""

import math
from typing import Any

import keras
import numpy as np

from keras_drmm.layers.arguments import to_numpy


class TrainingRows:
    """Images, labels and weights as `fit` is given them, arrays or a data set.

    Args:
        x, y, sample_weight, validation_split: as of `fit`.
    """

    def __init__(self, x, y=None, sample_weight=None, validation_split=0.0):
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self.validation_split = validation_split

    @classmethod
    def of(cls, given):
        """Return the rows of the arguments of `fit`, {name: value}."""
        names = ("x", "y", "sample_weight", "validation_split")
        return cls(*(given[name] for name in names))

    @property
    def arrays(self):
        """(images, labels or None) that are not kept for validation, or a data set."""
        if not hasattr(self.x, "shape"):
            return self.x, self.y
        rows = slice(self._num_rows)
        return self.x[rows], None if self.y is None else self.y[rows]

    def count_steps(self, batch_size=None, steps_per_epoch=None):
        """Return the number of steps in an epoch, None if that is not known.

        Args:
            batch_size: of arrays, 32 by default.
            steps_per_epoch: what the user says.
        """
        if steps_per_epoch is not None:
            return steps_per_epoch
        if hasattr(self.x, "shape"):
            return math.ceil(self._num_rows / (batch_size or 32))
        if isinstance(self.x, keras.utils.PyDataset):
            return self.x.num_batches
        if hasattr(self.x, "cardinality"):
            # -1: endless, -2: not known.
            count = int(self.x.cardinality())
            return count if count >= 0 else None
        return len(self.x) if hasattr(self.x, "__len__") else None

    def first(self, least):
        """Return (images, labels or None) that count, as arrays.

        Args:
            least: of a data set, rows are read until there are so many.

        Returns:
            Of arrays all rows that are not kept for validation; rows of weight 0 are
            left out.

        Raises:
            ValueError: the rows can be read only once.
        """
        if hasattr(self.x, "shape"):
            parts = [(self.x, self.y, self.sample_weight)]
            kept = slice(self._num_rows)
        else:
            parts, kept = self._read(least), slice(None)
        columns: list[Any] = []
        for column in zip(*parts, strict=True):
            arrays = [to_numpy(part) for part in column if part is not None]
            # One array is not copied: it may be larger than memory.
            whole = arrays[0] if len(arrays) == 1 else None
            if len(arrays) > 1:
                whole = np.concatenate(arrays)
            columns.append(None if whole is None else whole[kept])
        images, labels, weights = columns
        counts = slice(None) if weights is None else weights.reshape(-1) > 0
        labels = None if labels is None else labels.reshape(-1)[counts]
        return images[counts], labels

    @property
    def _num_rows(self):
        # As Keras splits arrays.
        return math.floor(len(self.x) * (1 - self.validation_split))

    def _read(self, least):
        """Return the first batches of a data set, (images, labels, weights)."""
        if hasattr(self.x, "__next__"):
            raise ValueError(
                "A generator's rows can be read only once: call `model.initialize(x, "
                "y)` on some of them before `fit`."
            )
        if isinstance(self.x, keras.utils.PyDataset):
            # An endless data set has no number of batches.
            batches = (self.x[index] for index in range(self.x.num_batches or least))
        else:
            batches = iter(self.x)
        parts, rows = [], 0
        for batch in batches:
            parts.append(keras.utils.unpack_x_y_sample_weight(batch))
            rows += len(parts[-1][0])
            if rows >= least:
                break
        return parts
