"""A grid of small pictures whose rows have names, and the choice of its images."""

import os

import numpy as np

from keras_drmm.layers.arguments import as_array, check_labels, describe


def check_has(model, **needed):
    """Raise a TypeError unless a model has what a picture shows.

    Args:
        model: what was given.
        **needed: name of an attribute = "what kind of model has it".
    """
    for name, kind in needed.items():
        if not hasattr(model, name):
            raise TypeError(
                f"`model` must be {kind}, got {describe(model)}, which has no `{name}`."
            )


def scaled_to_grey(pictures):
    """Return pictures (N, H, W, C) from 0 to 1: 0.5 for 0, the largest size 0 or 1.

    Each picture has a scale of its own; one that is 0 everywhere is grey.
    """
    largest = np.abs(pictures).max(axis=(1, 2, 3), keepdims=True)
    return pictures / np.where(largest > 0, largest, 1) / 2 + 0.5


def filled_up(pictures, columns):
    """Return pictures (N, H, W, C) and grey ones behind them: whole rows of `columns`.

    Args:
        pictures: from 0 to 1.
        columns: number of pictures in a row.
    """
    blank = np.full((-len(pictures) % columns, *pictures.shape[1:]), 0.5)
    return np.concatenate([pictures, blank])


def save_grid(rows, pixel_range, path, captions=None):
    """Write a grid of pictures as a PNG file.

    Args:
        rows: {name of a row: its pictures (N, H, W, C), grey or RGB}, with equally many
            pictures in each row.
        pixel_range: (lowest, highest) value of a pixel, shown as black and white.
        path: path of the file.
        captions: {name of a row: a text below each of its pictures}, for some rows.

    Raises:
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"`path` must be the path of a PNG file, got {path!r}.")
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
        texts = (captions or {}).get(name, [""] * columns)
        for axis, picture, text in zip(line, pictures, texts, strict=True):
            # matplotlib takes colours from 0 to 1, whatever range it is given.
            shown = (picture.clip(low, high) - low) / (high - low)
            shown = shown[..., 0] if shown.shape[-1] == 1 else shown
            axis.imshow(shown, "gray", vmin=0, vmax=1)
            axis.set_xlabel(text, fontsize=8)
            axis.set_xticks([])
            axis.set_yticks([])
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=120)


def save_class_grid(model, images, labels, path, title, render):
    """Write a grid with a row for one image of each class: it, and all classes like it.

    Args:
        model: the model that renders.
        images: (N, H, W, C), floats in the model's pixel range.
        labels: integers (N,), with each class at least once.
        path: path of the PNG file.
        title: of the rows, whose class follows.
        render: a function of the images, one of each class in their order, and all
            classes (K,), that yields the classes rendered like each, (K, H, W, C).
    """
    images = as_array(images, "images")
    chosen = images_of_each_class(labels, len(images), model.num_classes)[:, 0]
    classes = np.arange(model.num_classes)
    shown = images[chosen]
    rows = {
        f"{title} {own}": np.concatenate([image[None], rendered])
        for own, (image, rendered) in enumerate(
            zip(shown, render(shown, classes), strict=True)
        )
    }
    save_grid(rows, model.pixel_range, path)


def images_of_each_class(labels, num_images, num_classes, count=1):
    """Return the indices of the first images of each class, (classes, count).

    Args:
        labels: integers (N,).
        num_images: N.
        num_classes: number of classes.
        count: how many images of each class.

    Raises:
        ValueError: a class has too few images, or labels are none.
    """
    labels = as_array(labels, "labels")
    check_labels(labels, num_images, num_classes)
    labels = labels.reshape(-1)
    found = [np.flatnonzero(labels == c)[:count] for c in range(num_classes)]
    missing = [c for c, rows in enumerate(found) if len(rows) < count]
    if missing:
        least = "once" if count == 1 else f"{count} times"
        raise ValueError(
            f"`labels` must have each class at least {least}, got fewer of the classes "
            f"{missing}. Give more images."
        )
    return np.array(found)
