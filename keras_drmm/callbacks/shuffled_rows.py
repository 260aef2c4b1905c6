"""ShuffledRows: arrays in batches whose order is known of every epoch."""

import math

import keras
import numpy as np
from keras import ops


class ShuffledRows(keras.utils.PyDataset):
    """Batches of arrays, shuffled by a seed and the number of the epoch alone.

    Keras shuffles arrays by random numbers whose state nobody can set on TensorFlow.

    Args:
        arrays: images and what belongs to each of them, arrays of equal length.
        batch_size: rows in a batch; the last one has what is left.

    Attributes:
        epoch: that of the batches, from 0.
        seed: an integer of at least 0, which is 0 until it is set.
    """

    def __init__(self, arrays, batch_size):
        super().__init__()
        self._arrays = [ops.convert_to_numpy(v) for v in arrays]
        self._batch_size = batch_size
        self.epoch = self.seed = 0
        self._made: tuple = (None, None)

    def __len__(self):
        return math.ceil(len(self._arrays[0]) / self._batch_size)

    def __getitem__(self, index):
        key = self.seed, self.epoch
        if self._made[0] != key:
            order = np.random.default_rng(key).permutation(len(self._arrays[0]))
            self._made = key, order
        rows = self._made[1][index * self._batch_size :][: self._batch_size]
        return tuple(array[rows] for array in self._arrays)
