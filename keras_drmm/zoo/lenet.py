"""The levels that the LeNet-like models share."""

from keras_drmm.layers import Level


def lenet_levels(number):
    """Return the first `number` levels, like LeNet-5's: 20 and 50 templates of 5x5."""
    filters = (20, 50)[:number]
    return [
        Level(count, 5, padding="valid", pool_size=2, batch_norm=True)
        for count in filters
    ]
