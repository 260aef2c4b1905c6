"""Images between the styles of two others, and a picture of them."""

import numpy as np

from keras_drmm.analysis.grid import check_has, images_of_each_class, save_grid
from keras_drmm.layers.arguments import (
    as_array,
    standardize_classes,
    standardize_integer,
)


def interpolate_styles(model, first, second, classes=None, steps=9, method="posterior"):
    r"""Render a class in styles from that of one image to that of another.

    $$u_t = (1 - t)\, u_A + t\, u_B, \qquad t = 0, \tfrac{1}{T - 1}, \ldots, 1$$

    and each switch is the most probable one given u_t and the class. The style of an
    image that is of another class than the rendered one is taken over first, as
    `DRMM.transfer` does.

    Args:
        model: a `DRMM` after `fit_prior`.
        first: images A, (N, H, W, C), floats in the model's pixel range.
        second: as many images B.
        classes: the classes to render, integers (N,); None for those that the E-step
            takes the first images for.
        steps: T, at least 2.
        method: "posterior", "transport" or "shift", as of `DRMM.transfer`, for images
            of other classes.

    Returns:
        (N, T, H, W, C), a NumPy array.

    Raises:
        TypeError: the model has no styles.
        ValueError: the model has no prior of switches, the two have not as many images,
            or images, classes, steps or method are not what they must be.

    Example:

    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> (x, y), _ = keras_drmm.data.load("mnist")
    >>> threes = keras_drmm.data.to_unit_range(x[:50][y[:50] == 3])
    >>> between = keras_drmm.analysis.interpolate_styles(model, threes[:2], threes[2:4])
    >>> between.shape
    (2, 9, 28, 28, 1)

    Source: none in the paper, whose nuisances have no style that they share.
    """
    check_has(model, transfer="a `DRMM`")
    steps = standardize_integer(steps, "steps", minimum=2)
    ends = [as_array(first, "first"), as_array(second, "second")]
    if len({np.shape(images)[:1] for images in ends}) > 1:
        raise ValueError(
            "`second` must have as many images as `first`, got "
            f"{' and '.join(str(np.shape(images)) for images in ends)}."
        )
    styles = [model.style(images) for images in ends]
    own = [model.infer(images).classes for images in ends]
    rows = len(styles[0])
    if classes is None:
        classes = own[0]
    classes = standardize_classes(classes, rows, model.num_classes)
    for style, sources in zip(styles, own, strict=True):
        other = sources != classes
        # Of the class itself there is nothing to take over.
        style[other] = model.switch_prior.styles.transfer(
            style[other], sources[other], classes[other], method
        )
    shares = np.linspace(0, 1, steps)[:, None, None]
    between = (1 - shares) * styles[0] + shares * styles[1]
    images = model.render(
        np.tile(classes, steps), style=between.reshape(steps * rows, -1)
    )
    return np.moveaxis(images.reshape(steps, rows, *images.shape[1:]), 0, 1)


def plot_style_interpolation(model, images, labels, path, steps=9):
    """Plot each class in styles between those of two of its images.

    A row shows the first image of the class, what is rendered between, from the style
    of the one to that of the other as `interpolate_styles` does, and the second image.

    Args:
        model: a channels_last `DRMM` of grey or RGB images, after `fit_prior`.
        images: (N, H, W, C), floats in the model's pixel range.
        labels: integers (N,), with each class at least twice.
        path: path of the PNG file.
        steps: how many are rendered in a row, at least 2.

    Raises:
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.
        TypeError: the model has no styles.
        ValueError: the model has no prior of switches, images, labels or steps are not
            what they must be, or a class has too few images.

    Example:

    >>> (x, y), _ = keras_drmm.data.load("mnist")
    >>> images, labels = keras_drmm.data.to_unit_range(x[:50]), y[:50]
    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> plot_style_interpolation = keras_drmm.analysis.plot_style_interpolation
    >>> plot_style_interpolation(model, images, labels, "between.png", steps=3)
    """
    check_has(model, transfer="a `DRMM`")
    images = as_array(images, "images")
    chosen = images_of_each_class(labels, len(images), model.num_classes, 2)
    first, second = images[chosen[:, 0]], images[chosen[:, 1]]
    classes = np.arange(model.num_classes)
    between = interpolate_styles(model, first, second, classes, steps)
    rows = {
        f"class {c}": np.concatenate([first[c : c + 1], between[c], second[c : c + 1]])
        for c in classes
    }
    save_grid(rows, model.pixel_range, path)
