"""StartsEpoch: each epoch is the same, whether a fit was stopped before it or not."""

import keras
from keras import ops

# Of a seed, on any backend.
LARGEST = 2**31 - 1


class StartsEpoch(keras.callbacks.Callback):
    """Sets the order of the data and the random numbers at the beginning of an epoch.

    No file that Keras saves holds the state of random numbers: after
    `keras.callbacks.BackupAndRestore` they would begin anew. Here they depend on the
    seed and the epoch alone.

    Args:
        dataset: the `SemiSupervisedDataset` that is learned.
    """

    def __init__(self, dataset):
        super().__init__()
        self._dataset = dataset
        self._seeds = None

    def on_epoch_begin(self, epoch, logs=None):
        self._dataset.epoch = epoch
        states = [
            v for v in self.model.variables if v.path.endswith("seed_generator_state")
        ]
        if self._seeds is None:
            self._seeds = [ops.convert_to_numpy(v) for v in states]
        for state, (seed, _) in zip(states, self._seeds, strict=True):
            # Of a seed and a counter.
            state.assign([(int(seed) + epoch) % LARGEST, 0])
