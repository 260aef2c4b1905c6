"""A picture of the templates that a model's first level renders."""

import numpy as np
from keras import ops

from keras_drmm.analysis.grid import save_grid


def plot_filters(model, path, columns=8):
    """Draw the first level's templates Γ^(1), `columns` in a row.

    Each has a scale of its own: grey is 0, white or black its largest absolute value.

    Args:
        model: a `DRMM` of grey or RGB images, channels_last.
        path: the PNG file to write.
        columns: templates in a row.

    Raises:
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.

    Example:

    >>> keras_drmm.analysis.plot_filters(model, "filters.png")

    Source: Patel, Nguyen, Baraniuk (2016), Figure 6.
    """
    kernel = ops.convert_to_numpy(model.levels[0].conv.kernel)
    largest = np.abs(kernel).max(axis=(0, 1, 2))
    # (kh, kw, C, filters) -> (filters, kh, kw, C), 0.5 for 0
    pictures = np.moveaxis(kernel / np.where(largest > 0, largest, 1), 3, 0) / 2 + 0.5
    # The last row is filled with templates of 0.
    missing = -len(pictures) % columns
    blank = np.full((missing, *pictures.shape[1:]), 0.5)
    pictures = np.concatenate([pictures, blank])
    rows = {
        f"{start + 1}": pictures[start : start + columns]
        for start in range(0, len(pictures), columns)
    }
    save_grid(rows, (0.0, 1.0), path)
