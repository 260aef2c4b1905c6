"""How the runs of the tables change images."""

# By which share of its sides an image is moved, at most.
SHIFT = 0.08


def image_augmentation(seed):
    """Return a layer that changes an image's pose and covers a part of the image.

    The covered part is a rectangle whose sides are a fifth to half of the image's.
    """
    from keras import layers

    from keras_drmm.learning import Pose

    return layers.Pipeline(
        [
            Pose(rotation=0.04, zoom=0.12, shift=SHIFT, seed=seed),
            layers.RandomErasing(
                factor=(1.0, 1.0),
                # The area of the smallest and the largest rectangle.
                scale=(0.2**2, 0.5**2),
                fill_value=0.0,
                value_range=(0, 1),
                seed=seed,
            ),
        ]
    )


def pixel_noise(deviation):
    """Return the layer of the zoo's noise, of another deviation."""
    import keras

    return keras.layers.GaussianNoise(deviation, name="pixel_noise")
