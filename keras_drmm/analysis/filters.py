"""A picture of the templates of a model's first level."""

import numpy as np
from keras import ops

from keras_drmm.analysis.grid import (
    check_has,
    filled_up,
    save_grid,
    scaled_to_grey,
)
from keras_drmm.layers.arguments import standardize_integer


def plot_filters(model, path, columns=8):
    """Plot the first level's templates Γ^(1), `columns` in a row.

    Each template is scaled by its largest absolute value, which is white or black; grey
    is 0.

    Args:
        model: a channels_last `DRMM` of grey or RGB images.
        path: path of the PNG file.
        columns: number of templates in a row.

    Raises:
        TypeError: the model has no levels.
        ValueError: `columns` is no integer of at least 1.
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.

    Example:

    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> keras_drmm.analysis.plot_filters(model, "filters.png")

    Source: Patel, Nguyen, Baraniuk (2016), Figure 6.
    """
    columns = standardize_integer(columns, "columns")
    check_has(model, levels="a `DRMM` or a factor model")
    kernel = ops.convert_to_numpy(model.levels[0].conv.kernel)
    # (kh, kw, C, filters) -> (filters, kh, kw, C)
    pictures = filled_up(scaled_to_grey(np.moveaxis(kernel, 3, 0)), columns)
    rows = {
        f"{start + 1}": pictures[start : start + columns]
        for start in range(0, len(pictures), columns)
    }
    save_grid(rows, (0.0, 1.0), path)
