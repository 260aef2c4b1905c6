"""The peers: conditional variational autoencoders of pixels, of stock Keras layers."""

import keras
import numpy as np
from keras import layers, ops


class CVAE(keras.Model):
    r"""A conditional VAE: u ~ N(0, 1), pixels Bernoulli given u and the class.

    Args:
        convolutional: whether encoder and decoder are convolutions, else dense layers.
        style_size: d.

    Source: Kingma, Welling (2014); Sohn, Lee, Yan (2015).
    """

    def __init__(self, convolutional, style_size):
        super().__init__(name="conv_cvae" if convolutional else "mlp_cvae")
        self.style_size = style_size
        image, classes = keras.Input((28, 28, 1)), keras.Input((10,))
        given = keras.Input((style_size,))
        if convolutional:
            h = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(
                image
            )
            h = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(h)
            h = layers.Flatten()(h)
        else:
            h = layers.Dense(256, activation="relu")(layers.Flatten()(image))
        h = layers.Dense(2 * style_size)(layers.Concatenate()([h, classes]))
        self.encoder = keras.Model([image, classes], h)
        joined = layers.Concatenate()([given, classes])
        if convolutional:
            h = layers.Dense(7 * 7 * 64, activation="relu")(joined)
            h = layers.Reshape((7, 7, 64))(h)
            for filters in (64, 64):
                h = layers.Conv2DTranspose(
                    filters, 3, strides=2, padding="same", activation="relu"
                )(h)
                h = layers.Conv2D(filters, 3, padding="same", activation="relu")(h)
            h = layers.Conv2D(1, 3, padding="same")(h)
        else:
            h = layers.Dense(256, activation="relu")(joined)
            h = layers.Dense(512, activation="relu")(h)
            h = layers.Reshape((28, 28, 1))(layers.Dense(28 * 28)(h))
        self.decoder = keras.Model([given, classes], h)
        self.noise = layers.GaussianNoise(1.0, dtype="float32")

    def call(self, inputs, training=False):
        image, classes = inputs
        # In full precision whatever the policy, as log-odds of ours are.
        found = ops.cast(self.encoder([image, classes]), "float32")
        mean, log_variance = ops.split(found, 2, axis=-1)
        noise = self.noise(ops.zeros_like(mean), training=True)
        style = mean + ops.exp(log_variance / 2) * noise
        squares = ops.square(mean) + ops.exp(log_variance)
        divergence = 0.5 * ops.sum(squares - 1 - log_variance, axis=-1)
        logits = ops.cast(self.decoder([style, classes]), "float32")
        losses = ops.softplus(logits) - ops.cast(image, "float32") * logits
        self.add_loss(ops.mean(ops.sum(losses, axis=(1, 2, 3)) + divergence))
        return mean

    def sample(self, classes, random):
        """Return the mean images of styles drawn from N(0, 1), a NumPy array."""
        found = []
        for start in range(0, len(classes), 250):
            rows = np.eye(10, dtype="float32")[classes[start : start + 250]]
            style = random.normal(size=(len(rows), self.style_size)).astype("float32")
            given = [ops.convert_to_tensor(part) for part in (style, rows)]
            logits = ops.cast(self.decoder(given), "float32")
            found.append(ops.convert_to_numpy(ops.sigmoid(logits)))
        return np.concatenate(found)
