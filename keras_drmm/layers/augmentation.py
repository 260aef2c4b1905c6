"""Augmentations: Keras layers that change images at random, but not their classes."""

import keras

from keras_drmm.layers import replicas
from keras_drmm.layers.fixed_seed import fixed_seed


def augment(layer, images, training):
    """Return what an augmentation makes of images, in a test step the same each time.

    Args:
        layer: a Keras layer.
        images: a tensor (B, H, W, C).
        training: whether the batch is learned from.
    """
    if training:
        return _by_row(layer, images)
    with fixed_seed(layer):
        return _by_row(layer, images)


def _by_row(layer, images):
    return replicas.by_row(lambda rows: layer(rows, training=True), images)


def check_is_augmentation(layer, name, otherwise=""):
    """Raise unless an argument is a Keras layer.

    Args:
        layer: the argument.
        name: its name.
        otherwise: what else it may be, in words.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(layer, keras.Layer):
        raise ValueError(
            f"`{name}` must be a Keras layer, for example "
            f"`keras.layers.GaussianNoise(0.3)`{otherwise}, got {layer!r}. Wrap "
            "a function by `keras.layers.Lambda`."
        )


def check_keeps_shape(layer, name, image_shape):
    """Raise if images have another shape after a layer; some layers do not tell.

    Args:
        layer: the augmentation.
        name: of the argument that it is.
        image_shape: shape of an image.

    Raises:
        ValueError: they have.
    """
    shape = (None, *image_shape)
    try:
        found = tuple(layer.compute_output_shape(shape))
    except NotImplementedError:
        return
    if found != shape:
        raise ValueError(
            f"`{name}` must leave images of shape {shape} at their shape, got "
            f"{layer!r}, which gives {found}."
        )
