"""ShuffledRows: arrays in batches whose order is known of every epoch."""

import math
from typing import Any

import keras
import numpy as np

from keras_drmm.layers.arguments import to_numpy

# Of arrays, as in Keras.
BATCH_SIZE = 32


class ShuffledRows(keras.utils.PyDataset):
    """Batches of arrays, shuffled by a seed and the number of the epoch alone.

    Keras shuffles arrays by random numbers whose state nobody can set on TensorFlow.

    Args:
        arrays: images and what belongs to each of them, arrays of equal length.
        batch_size: rows in a batch; the last one has what is left.
        shuffles: whether the rows are in a random order.
        advances: whether `fit` moves on to the next epoch; else who made this does.

    Attributes:
        epoch: that of the batches, from 0.
        seed: an integer of at least 0, which is 0 until it is set.
    """

    def __init__(self, arrays, batch_size, shuffles=True, advances=False):
        super().__init__()
        self._shuffles, self._advances = shuffles, advances
        self._arrays = [to_numpy(v) for v in arrays]
        self._batch_size = batch_size
        self.epoch = self.seed = 0
        self._made: tuple = (None, None)

    def __len__(self):
        return math.ceil(len(self._arrays[0]) / self._batch_size)

    def __getitem__(self, index):
        rows: Any = slice(index * self._batch_size, (index + 1) * self._batch_size)
        if self._shuffles:
            key = self.seed, self.epoch
            if self._made[0] != key:
                order = np.random.default_rng(key).permutation(len(self._arrays[0]))
                self._made = key, order
            rows = self._made[1][rows]
        return tuple(np.asarray(array[rows]) for array in self._arrays)

    def on_epoch_end(self):
        self.epoch += self._advances


def columns(x, y=None, sample_weight=None):
    """Return what a batch has, in its order; weights have labels before them."""
    if sample_weight is not None and y is None:
        y = np.full(len(x), -1)
    return [v for v in (x, y, sample_weight) if v is not None]


def put_in_batches(given, **options):
    """Put `ShuffledRows` in the place of the arrays among the arguments of `fit`.

    Args:
        given: {name: value} of the arguments, which change. Rows that are kept for
            validation become `validation_data`.
        **options: of `ShuffledRows`.
    """
    x, y, weights = (given[name] for name in ("x", "y", "sample_weight"))
    rows = math.floor(len(x) * (1 - given["validation_split"]))
    arrays = columns(x, y, weights)
    steps = given["steps_per_epoch"]
    size = given["batch_size"] or (math.ceil(rows / steps) if steps else BATCH_SIZE)
    if rows < len(x):
        given["validation_data"] = tuple(v[rows:] for v in arrays)
    if isinstance(given["validation_data"], tuple):
        given["validation_batch_size"] = given["validation_batch_size"] or size
    given.update(
        x=ShuffledRows([v[:rows] for v in arrays], size, **options),
        y=None,
        sample_weight=None,
        batch_size=None,
        validation_split=0.0,
        shuffle=False,
    )
