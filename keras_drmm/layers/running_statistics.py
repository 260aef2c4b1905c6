"""Running statistics of batch normalisation, left alone."""

from contextlib import contextmanager

from keras import ops


@contextmanager
def keep_running_statistics(normalisations):
    """Let a batch normalise itself without being remembered.

    What layers compute in training is the same within; their running statistics, by
    which they normalise afterwards, are then what they were before.

    Args:
        normalisations: `keras.layers.BatchNormalization` layers.
    """
    running = [v for n in normalisations for v in (n.moving_mean, n.moving_variance)]
    before = [ops.copy(v) for v in running]
    yield
    for variable, value in zip(running, before, strict=True):
        variable.assign(value)
