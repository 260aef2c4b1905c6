"""MNIST for models that learn from arrays, and the error that the commands measure."""

# The rows of a batch of `batches`.
BATCH = 100
# Training images whose labels are hidden from training. Every command keeps as many, so
# that validation errors can be compared.
VALIDATION_IMAGES = 5000
SHORT_IMAGES = 2000


def error(model, images, labels):
    """Return the share of wrongly classified images in percent."""
    logits = model.predict(images, batch_size=500, verbose=0)
    return round(100 * float((logits.argmax(axis=1) != labels).mean()), 2)


def load_mnist(labels, draw, short):
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


def batches(x, y=None, seed=0):
    """Return batches in random order, on TensorFlow without its autotuner."""
    import keras
    import numpy as np

    from keras_drmm import data

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tensors = x if y is None else (x, y)
        dataset = tf.data.Dataset.from_tensor_slices(tensors)
        dataset = dataset.shuffle(len(x), seed).batch(BATCH, drop_remainder=True)
        return data.without_autotuner(dataset)

    # `fit` only shuffles whole batches of a data set, so the rows are shuffled here.
    order = np.random.default_rng(seed).permutation(len(x))

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return len(x) // BATCH

        def __getitem__(self, index):
            rows = order[index * BATCH : (index + 1) * BATCH]
            return (x[rows],) if y is None else (x[rows], y[rows])

    return Batches()
