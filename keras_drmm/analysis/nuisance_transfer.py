"""A picture of the class of one image with the nuisances of another."""

import numpy as np

from keras_drmm.analysis.classes import first_of_each_class
from keras_drmm.analysis.grid import save_grid


def plot_nuisance_transfer(model, images, labels, path):
    """Draw each class rendered with the nuisances of an image of each class.

    A row holds an image and then every class c rendered with the image's switches ĝ:
    z^(0) = Λ_ĝ μ_c. Where class and nuisance are told apart, a column shows one digit
    in the poses of all; where the switches carry the shape, a row shows one digit.

    Args:
        model: a `DRMM` of grey or RGB images, channels_last.
        images: (N, H, W, C), floats in the model's pixel range.
        labels: integers (N,), with each class at least once.
        path: the PNG file to write.

    Raises:
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.
        ValueError: a class has no image.
    """
    chosen = first_of_each_class(labels, model.num_classes)
    switches = model.infer(images[chosen]).switches
    classes = np.arange(model.num_classes)
    rows = {}
    for n, index in enumerate(chosen):
        same = [s[n : n + 1].repeat(len(classes), axis=0) for s in switches]
        rows[f"switches of {n}"] = np.concatenate(
            [images[index][None], model.render(classes, same)]
        )
    save_grid(rows, model.pixel_range, path)
