"""A picture of what a model reconstructs and of what its classes look like."""

import numpy as np


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
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib: `pip install keras-drmm[plots]`."
        ) from error
    classes = np.arange(model.num_classes)
    missing = np.setdiff1d(classes, labels)
    if len(missing):
        raise ValueError(f"There is no image of the classes {missing.tolist()}.")
    first = [int(np.argmax(labels == c)) for c in classes]
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
    figure = Figure(figsize=(1.1 * (len(classes) + 1), 1.1 * len(rows)))
    axes = figure.subplots(len(rows), len(classes))
    for row, (name, pictures) in zip(axes, rows.items(), strict=True):
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
        for axis, picture in zip(row, pictures, strict=True):
            low, high = model.pixel_range
            axis.imshow(picture.clip(low, high).squeeze(), "gray", vmin=low, vmax=high)
            axis.set_xticks([])
            axis.set_yticks([])
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=120)
