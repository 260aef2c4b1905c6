"""Augmentations: Keras layers that change images at random, but not their classes."""

import keras
from keras import ops

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
    # A copy: on PyTorch some of Keras' layers change the tensor that they are given.
    return replicas.by_row(lambda rows: layer(ops.copy(rows), training=True), images)


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


def check_data_format(layer, name, data_format):
    """Raise if a layer, or one in it, takes images with their channels elsewhere.

    Args:
        layer: the augmentation.
        name: of the argument that it is.
        data_format: of the images, "channels_last" or "channels_first".

    Raises:
        ValueError: one does; it would turn rows into channels.
    """
    for part in getattr(layer, "layers", ()):
        check_data_format(part, name, data_format)
    if getattr(layer, "data_format", data_format) != data_format:
        raise ValueError(
            f"`{name}` must change {data_format} images, got {type(layer).__name__} of "
            f"{layer.data_format} ones: give it `data_format={data_format!r}`."
        )


def check_value_range(layer, name, pixel_range):
    """Raise if a layer, or one in it, is told of pixels of another range.

    Such layers clip what they change to that range, and so empty images: Keras' own
    are for pixels in [0, 255] unless they are told otherwise.

    Args:
        layer: the augmentation.
        name: of the argument that it is.
        pixel_range: (lowest, highest) value of a pixel.

    Raises:
        ValueError: one is.
    """
    for part in getattr(layer, "layers", ()):
        check_value_range(part, name, pixel_range)
    found = getattr(layer, "value_range", None)
    if found is not None and tuple(found) != tuple(pixel_range):
        raise ValueError(
            f"`{name}` must change pixels in {list(pixel_range)}, got "
            f"{type(layer).__name__} for pixels in {list(found)}: give it "
            f"`value_range={tuple(pixel_range)}`."
        )
