"""MNIST for models that learn from arrays instead of batches."""

from recipes.common.measure import VALIDATION_IMAGES

SHORT_IMAGES = 2000


def load(labels, draw, short):
    """Return MNIST's images to learn from, to validate with and to test on.

    Args:
        labels: number of labelled images; None for all.
        draw: seed of the choice of labelled images.
        short: whether to learn from `SHORT_IMAGES` images alone.

    Returns:
        (images, labels) to learn from, with -1 for a hidden label, then the same for
        validation and test. Images are (n, 28, 28, 1), from 0 to 1.
    """
    from keras_drmm import data

    (x, y), (x_test, y_test) = data.load("mnist")
    if short:
        count = VALIDATION_IMAGES + SHORT_IMAGES
        x, y = x[:count], y[:count]
    dataset = data.semi_supervised(
        x, y, labels, validation=VALIDATION_IMAGES, seed=draw
    )
    # All images but those that validate.
    learned = [*dataset.labelled_indices, *dataset.unlabelled_indices]
    training = data.to_unit_range(x[learned]), dataset.shown_labels[learned]
    return training, dataset.validation, (data.to_unit_range(x_test), y_test)
