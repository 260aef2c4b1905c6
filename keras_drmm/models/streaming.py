"""Large arrays go to TensorFlow batch by batch: it would copy them whole, twice."""

import keras
import numpy as np

from keras_drmm.data.shuffled_rows import (
    BATCH_SIZE,
    ShuffledRows,
    columns,
    put_in_batches,
)
from keras_drmm.layers import replicas

# Bytes of images above which they are not given to TensorFlow in one piece.
LARGE = 2**28


def is_streamed(x):
    """Return whether TensorFlow is to be given an array batch by batch.

    Args:
        x: a NumPy array or anything else; a part of a mapped file counts as large.
    """
    if keras.config.backend() != "tensorflow" or not isinstance(x, np.ndarray):
        return False
    base: object = x
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    return x.nbytes >= LARGE or isinstance(base, np.memmap)


def stream_fit(model, given):
    """Put batches in the place of large arrays among the arguments of `fit`.

    Args:
        model: the `Learner`. Replicas take arrays as they are.
        given: {name: value}, which change. Rows are shuffled anew in each epoch, by a
            seed that is drawn from Keras' stream.
    """
    if replicas.count_for(model) > 1:
        return
    if is_streamed(given["x"]):
        shuffles = bool(given["shuffle"])
        put_in_batches(given, shuffles=shuffles, advances=True)
        if shuffles:
            given["x"].seed = int(keras.random.randint((), 0, 2**31 - 1))
    kept = given["validation_data"]
    if isinstance(kept, tuple) and is_streamed(kept[0]):
        size = given["validation_batch_size"] or given["batch_size"] or BATCH_SIZE
        batches = ShuffledRows(columns(*kept), size, shuffles=False)
        given["validation_data"] = batches
        given["validation_batch_size"] = None


def stream_rows(x, y, sample_weight, batch_size):
    """Return the same arguments of `evaluate` or `predict`, large arrays as batches."""
    if not is_streamed(x):
        return x, y, sample_weight, batch_size
    arrays = columns(x, y, sample_weight)
    batches = ShuffledRows(arrays, batch_size or BATCH_SIZE, shuffles=False)
    return batches, None, None, None
