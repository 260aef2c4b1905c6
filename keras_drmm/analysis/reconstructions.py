"""A picture of what a model reconstructs and of what its classes look like."""

import numpy as np

from keras_drmm.analysis.classes import first_of_each_class
from keras_drmm.analysis.grid import save_grid


def plot_reconstructions(model, images, labels, path):
    """Draw images, their reconstructions and the appearance of each class.

    The first two rows show one image of each class and its reconstruction Î, rendered
    from ĉ and ĝ. The third shows each class rendered with the nuisances of its images
    and averaged: the class' appearance. The fourth renders every class with the
    nuisances of the first image alone, which tells class from nuisance.

    Args:
        model: a `DRMM` of grey or RGB images, channels_last.
        images: (N, H, W, C), floats in the model's pixel range.
        labels: integers (N,), with each class at least once.
        path: the PNG file to write.

    Raises:
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.
        ValueError: a class has no image.
    """
    classes = np.arange(model.num_classes)
    first = first_of_each_class(labels, model.num_classes)
    e_step = model.infer(images, labels)
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
