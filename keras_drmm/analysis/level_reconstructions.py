"""Images as each level keeps them, and a picture of them."""

import numpy as np

from keras_drmm.analysis.grid import check_has, images_of_each_class, save_grid
from keras_drmm.analysis.rendering import render_to_pixels, standardize_level
from keras_drmm.layers.arguments import as_array


def reconstruct_from_level(model, level, images):
    r"""Reconstruct images from what a level found in them.

    The message of level ℓ is rendered through the templates below by the switches that
    were inferred on its way up:

    $$\hat I^{(\ell)} = a\, \Lambda_{\hat g}^{(1)} \cdots \Lambda_{\hat g}^{(\ell)}
    I^{(\ell)} + b$$

    where a message stands for ẑ up to a factor, as templates are not of length 1: a and
    b of each image are those of least squares. What level ℓ and the switches keep of an
    image is in the picture, and what max-pooling and the ReLU threw away on the way is
    missing. Switches alone draw edges well: a sharp picture does not tell that the
    decision rests on them.

    Args:
        model: a `DRMM` or a factor model.
        level: ℓ, from 1, the finest, to the number of levels.
        images: (N, H, W, C), floats in the model's pixel range.

    Returns:
        (N, H, W, C) float32, images of the model's shape.

    Raises:
        TypeError: the model has no levels.
        ValueError: there is no such level, or images are not what the model takes.

    Example:

    >>> (x, _), _ = keras_drmm.data.load("mnist")
    >>> images = keras_drmm.data.to_unit_range(x[:4])
    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> keras_drmm.analysis.reconstruct_from_level(model, 2, images).shape
    (4, 28, 28, 1)

    Source: Patel, Nguyen, Baraniuk (2016), equation (7); Zeiler, Fergus (2014) for
    rendering the message of one level.
    """
    level = standardize_level(model, level)
    images = as_array(images, "images")
    e_step = model.infer(images)
    pictures = render_to_pixels(model, e_step.messages[level], e_step.switches[:level])
    return _fitted(pictures, images)


def plot_level_reconstructions(model, images, labels, path):
    """Plot an image of each class as every level keeps it.

    The first row shows the images, then each level has a row of reconstructions by
    `reconstruct_from_level`, and the last row is Î, which the class alone renders by
    all switches and, unlike the rows above, with offsets α and normalisation. Below
    each picture is the share of the image's variance that it has, 1 minus the squared
    error by that of a uniform picture.

    Args:
        model: a channels_last `DRMM` of grey or RGB images.
        images: (N, H, W, C), floats in the model's pixel range.
        labels: integers (N,), with each class at least once.
        path: path of the PNG file.

    Raises:
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.
        TypeError: the model has no levels.
        ValueError: images or labels are not what the model takes, or a class has no
            image.

    Example:

    >>> (x, y), _ = keras_drmm.data.load("mnist")
    >>> images, labels = keras_drmm.data.to_unit_range(x[:50]), y[:50]
    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> plot = keras_drmm.analysis.plot_level_reconstructions
    >>> plot(model, images, labels, "levels.png")
    """
    check_has(model, levels="a `DRMM` or a factor model")
    images = as_array(images, "images")
    shown = images[images_of_each_class(labels, len(images), model.num_classes)[:, 0]]
    rows = {
        f"level {level}": reconstruct_from_level(model, level, shown)
        for level in range(1, len(model.levels) + 1)
    }
    rows["class"] = model.infer(shown).reconstruction
    captions = {
        name: [f"{share:.2f}" for share in _shares(pictures, shown)]
        for name, pictures in rows.items()
    }
    save_grid({"image": shown, **rows}, model.pixel_range, path, captions)


def _fitted(pictures, images):
    """Return a picture + b of each row, with a and b of least squares."""
    axes = (1, 2, 3)
    # In double precision: sums of squares of many pixels.
    pictures = pictures.astype("float64")
    middle = images.mean(axis=axes, keepdims=True, dtype="float64")
    pictures = pictures - pictures.mean(axis=axes, keepdims=True)
    squares = np.square(pictures).sum(axis=axes, keepdims=True)
    products = (pictures * (images - middle)).sum(axis=axes, keepdims=True)
    # A picture without contrast has no scale.
    scale = products / np.where(squares > 0, squares, 1)
    return (middle + scale * pictures).astype("float32")


def _shares(pictures, images):
    """Return the share of each image's variance that its picture has, (N,)."""
    axes = (1, 2, 3)
    errors = np.square(pictures - images).mean(axis=axes)
    variances = images.var(axis=axes)
    return 1 - errors / np.where(variances > 0, variances, 1)
