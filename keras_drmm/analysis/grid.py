"""A grid of small pictures whose rows have names, and the choice of its images."""

import numpy as np


def save_grid(rows, pixel_range, path):
    """Write a grid of pictures as a PNG file.

    Args:
        rows: {name of a row: its pictures (N, H, W, C), grey or RGB}, with equally many
            pictures in each row.
        pixel_range: (lowest, highest) value of a pixel, shown as black and white.
        path: path of the file.

    Raises:
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib: `pip install keras-drmm[plots]`."
        ) from error
    low, high = pixel_range
    columns = len(next(iter(rows.values())))
    figure = Figure(figsize=(1.1 * (columns + 1), 1.1 * len(rows)))
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
        for axis, picture in zip(line, pictures, strict=True):
            axis.imshow(picture.clip(low, high).squeeze(), "gray", vmin=low, vmax=high)
            axis.set_xticks([])
            axis.set_yticks([])
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=120)


def first_of_each_class(labels, num_classes):
    """Return the index of the first image of each class.

    Args:
        labels: integers (N,).
        num_classes: number of classes.

    Raises:
        ValueError: a class has no image.
    """
    classes = np.arange(num_classes)
    missing = np.setdiff1d(classes, labels)
    if len(missing):
        raise ValueError(f"There is no image of the classes {missing.tolist()}.")
    return [int(np.argmax(labels == c)) for c in classes]
