"""A picture of classes that are rendered in the styles of images."""

import numpy as np

from keras_drmm.analysis.grid import check_has, save_class_grid


def plot_style_transfer(model, images, labels, path, method="posterior"):
    """Plot every class in the style of one image of each class.

    A row shows an image, followed by every class in its style, as `DRMM.transfer`
    renders them: the image's slant and weight of stroke, and another digit.

    Args:
        model: a channels_last `DRMM` of grey or RGB images, after `fit_prior`.
        images: (N, H, W, C), floats in the model's pixel range.
        labels: integers (N,), with each class at least once.
        path: path of the PNG file.
        method: "posterior", "transport" or "shift", as of `DRMM.transfer`.

    Raises:
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.
        TypeError: the model has no styles.
        ValueError: the model has no prior of switches, images, labels or method are
            not what it takes, or a class has no image.

    Example:

    >>> (x, y), _ = keras_drmm.data.load("mnist")
    >>> images, labels = keras_drmm.data.to_unit_range(x[:50]), y[:50]
    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> keras_drmm.analysis.plot_style_transfer(model, images, labels, "styles.png")
    """
    check_has(model, transfer="a `DRMM`")

    def render(shown, classes):
        for own, image in enumerate(shown):
            same = image[None].repeat(len(classes), axis=0)
            yield model.transfer(same, classes, np.full(len(classes), own), method)

    save_class_grid(model, images, labels, path, "style of", render)
