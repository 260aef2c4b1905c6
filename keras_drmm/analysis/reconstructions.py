"""A picture of a model's reconstructions and of how its classes look."""

import numpy as np

from keras_drmm.analysis.grid import check_has, images_of_each_class, save_grid
from keras_drmm.layers.arguments import as_array


def plot_reconstructions(model, images, labels, path):
    """Plot images, their reconstructions and the appearance of each class.

    The first two rows show an image of each class and its reconstruction Î, rendered
    from ĉ and ĝ. The third row shows the mean appearance of each class: it is rendered
    with the nuisances of each of its images, and the results are averaged. The fourth
    row renders every class with the nuisances of the first image, which shows whether
    the model separates class from nuisance.

    Args:
        model: a channels_last `DRMM` of grey or RGB images.
        images: (N, H, W, C), floats in the model's pixel range.
        labels: integers (N,), with each class at least once.
        path: path of the PNG file.

    Raises:
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.
        TypeError: the model does not render.
        ValueError: images or labels are not what the model takes, or a class has no
            image.

    Example:

    >>> (x, y), _ = keras_drmm.data.load("mnist")
    >>> images, labels = keras_drmm.data.to_unit_range(x[:50]), y[:50]
    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> keras_drmm.analysis.plot_reconstructions(model, images, labels, "grid.png")
    """
    check_has(model, render="a rendering model")
    images, labels = as_array(images, "images"), as_array(labels, "labels")
    classes = np.arange(model.num_classes)
    first = images_of_each_class(labels, len(images), model.num_classes)[:, 0]
    e_step = model.infer(images, labels)
    labels = labels.reshape(-1)
    switches = [s[first[:1]].repeat(len(classes), axis=0) for s in e_step.switches]
    rows = {
        "image": images[first],
        "reconstruction": model.infer(images[first]).reconstruction,
        "class, mean": np.stack(
            [e_step.reconstruction[labels == c].mean(axis=0) for c in classes]
        ),
        "class, nuisances\nof first image": model.render(classes, switches),
    }
    save_grid(rows, model.pixel_range, path)
