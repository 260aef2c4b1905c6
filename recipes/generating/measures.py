"""What generated images are measured by: class, distance, use, style, copying."""

import keras
import numpy as np
from keras import layers, ops

from keras_drmm import zoo

# The preset whose features and classes judge images: it learned all labels.
JUDGE = "drmm_conv_small_mnist_55000"
# That learn from samples, for the mean of their errors.
CONVNETS = 5


class Judge:
    """A trained model that says which class images are of, and how far two sets are.

    Args:
        images: real images (N, H, W, 1), which generated ones are compared with.
    """

    def __init__(self, images):
        self.model = zoo.from_preset(JUDGE)
        self.real = moments(self.features(images)[0])

    def features(self, images):
        """Return (means of the last but one message over positions, classes)."""
        features, classes = [], []
        for part in parts(images):
            messages, _ = self.model.bottom_up(ops.convert_to_tensor(part, "float32"))
            features.append(ops.convert_to_numpy(ops.mean(messages[-2], axis=(1, 2))))
            logits = ops.convert_to_numpy(self.model.templates(messages[-1]))
            classes.append(logits.argmax(axis=1))
        return np.concatenate(features), np.concatenate(classes)

    def share(self, images, classes):
        """Return the percentage of images that are taken for the class asked for."""
        return 100 * float(np.mean(self.features(images)[1] == classes))

    def distance(self, images):
        """Return the Fréchet distance of images from the real ones."""
        return frechet(moments(self.features(images)[0]), self.real)


def moments(features):
    """Return mean and covariance of features (N, d)."""
    features = np.asarray(features, "float64")
    return features.mean(axis=0), np.cov(features.T)


def frechet(one, other):
    r"""Return the Fréchet distance of two Gaussians, (mean, covariance) each.

    $$\|m_1 - m_2\|^2 + \mathrm{tr}(S_1 + S_2 - 2 (S_1 S_2)^{1/2})$$
    """
    (mean, covariance), (mean_2, covariance_2) = one, other
    # The trace of the root is the sum of the roots of the eigenvalues, which are real.
    values = np.linalg.eigvals(covariance @ covariance_2).real
    roots = 2 * np.sqrt(np.maximum(values, 0)).sum()
    squares = np.square(mean - mean_2).sum()
    return float(squares + np.trace(covariance) + np.trace(covariance_2) - roots)


def error_after_training_on(images, classes, x_test, y_test, seed):
    """Return the error (%) on real images of small convnets that learn given ones.

    One convnet's error varies from seed to seed by as much as generators differ, so it
    is the mean of `CONVNETS`.

    Args:
        images: (N, H, W, 1), clipped to 0 to 1 here.
        classes: integers (N,).
        x_test: real images.
        y_test: their labels.
        seed: of weights and batches.
    """
    images = np.clip(images, 0, 1)
    errors = [
        _error_of_one(images, classes, x_test, y_test, CONVNETS * seed + number)
        for number in range(CONVNETS)
    ]
    return float(np.mean(errors))


def _error_of_one(images, classes, x_test, y_test, seed):
    keras.utils.set_random_seed(seed)
    convnet = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    convnet.compile("adam", loss)
    convnet.fit(images, classes, batch_size=64, epochs=3, verbose=0)
    predicted = convnet.predict(x_test, batch_size=500, verbose=0).argmax(axis=1)
    return 100 * float(np.mean(predicted != y_test))


def style_features(images):
    """Return slant, ink and the centre's x and y of images, (N, 4)."""
    ink = np.clip(images[..., 0].astype("float64"), 0, None)
    rows, columns = np.mgrid[: ink.shape[1], : ink.shape[2]]
    total = ink.sum(axis=(1, 2)) + 1e-9
    x, y = ((ink * at).sum(axis=(1, 2)) / total for at in (columns, rows))
    dx, dy = columns - x[:, None, None], rows - y[:, None, None]
    slant = (ink * dx * dy).sum(axis=(1, 2)) / ((ink * dy**2).sum(axis=(1, 2)) + 1e-9)
    return np.stack([slant, total, x, y], axis=1)


def style_correlations(images, others):
    """Return the correlation of each style feature of images with that of others."""
    pairs = zip(style_features(images).T, style_features(others).T, strict=True)
    return [float(np.corrcoef(one, other)[0, 1]) for one, other in pairs]


def nearest(images, references):
    """Return the mean over images of the distance to the nearest reference image."""
    flat = references.reshape(len(references), -1)
    squares = np.square(flat).sum(axis=1)
    found = []
    for part in parts(images):
        rows = part.reshape(len(part), -1)
        products = rows @ flat.T
        least = (np.square(rows).sum(axis=1)[:, None] - 2 * products + squares).min(1)
        found.append(np.sqrt(np.maximum(least, 0)))
    return float(np.concatenate(found).mean())


def parts(images, size=250):
    """Return an iterator over parts of an array."""
    return (images[i : i + size] for i in range(0, len(images), size))
