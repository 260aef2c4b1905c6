"""Templates of any level, rendered down to pixels."""

import numpy as np

from keras_drmm.analysis.grid import (
    check_has,
    filled_up,
    save_grid,
    scaled_to_grey,
)
from keras_drmm.analysis.rendering import render_to_pixels, standardize_level
from keras_drmm.layers.arguments import (
    as_array,
    standardize_integer,
    standardize_integers,
)


def render_filters(model, level, images=None, place=None):
    r"""Return what each channel of a level renders, through all levels below.

    A unit of level ℓ, that is a channel k at a place x, is 1 and all others are 0 (7):

    $$\Lambda_g^{(1)} \cdots \Lambda_g^{(\ell)} e_{xk}$$

    Of the nuisances g below,

    - without images every template is ON, at a fixed place of its pooling cell: the
      middle, or of an even number the one above and to the left of the middle;
    - with images each channel has the switches ĝ of the image in which it is most
      active. It is at the place where it is most active there, and 0 everywhere if it
      is OFF in all images.

    This is the product of the templates alone: offsets α, normalisation and the ReLU
    that keeps z from below 0 are left out, so that it is linear.

    Args:
        model: a `DRMM` or a factor model.
        level: ℓ, from 1, the finest.
        images: (N, H, W, C), floats in the model's pixel range; or None.
        place: (row, column) of the units on the level's map, the same for each
            channel. None is the middle of the map without images, and with them the
            place of most activity.

    Returns:
        (filters, H, W, C) float32, images of the model's shape.

    Raises:
        TypeError: the model has no levels.
        ValueError: there is no such level or place, or images are not what the model
            takes.

    Example:

    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> keras_drmm.analysis.render_filters(model, level=2).shape
    (50, 28, 28, 1)

    Source: Patel, Nguyen, Baraniuk (2016), equation (7) and section 3.4, by which "it
    is the product of all the filters/weights over all layers that yield meaningful
    images of objects".
    """
    level = standardize_level(model, level)
    axis = model.levels[0].channel_axis
    shapes = [_channels_last(shape, axis) for shape in model.message_shapes]
    height, width, filters = shapes[level]
    if place is not None:
        place = standardize_integers(
            place,
            "place",
            (2,),
            0,
            max(height, width) - 1,
            f"The map has {height} x {width} places.",
        )
        if (place >= (height, width)).any():
            raise ValueError(
                f"`place` must be (row, column) of a map of {height} x {width} places, "
                f"got {tuple(map(int, place))}."
            )
    if images is None:
        place = (height // 2, width // 2) if place is None else place
        places = np.tile(place, (filters, 1))
        switches = [
            np.full((filters, *shape), _fixed_place(below.pool.pool_size), "int8")
            for below, shape in zip(model.levels[:level], shapes[1:], strict=False)
        ]
    else:
        e_step = model.infer(as_array(images, "images"))
        message = np.abs(np.moveaxis(e_step.messages[level], axis, 3))
        found, places = _most_active(message, place)
        switches = [
            np.moveaxis(inferred, axis, 3)[found]
            for inferred in e_step.switches[:level]
        ]
    units = np.zeros((filters, height, width, filters), "float32")
    channels = np.arange(filters)
    units[channels, places[:, 0], places[:, 1], channels] = 1
    return render_to_pixels(
        model,
        np.moveaxis(units, 3, axis),
        [np.moveaxis(given, 3, axis) for given in switches],
    )


def plot_rendered_filters(model, path, images=None, columns=8):
    """Plot the first channels of each level, rendered down to pixels.

    A level has a row of `columns` channels, every template ON; with images it has
    another one, with the switches of the image in which each channel is most active:
    see `render_filters`. Each picture is scaled by its largest absolute value, which
    is white or black; grey is 0. It is as large as an image, so that the sizes of
    templates can be compared.

    Args:
        model: a channels_last `DRMM` of grey or RGB images.
        path: path of the PNG file.
        images: (N, H, W, C), floats in the model's pixel range; or None.
        columns: number of channels of each level.

    Raises:
        TypeError: the model has no levels.
        ValueError: `columns` is no integer of at least 1, or images are not what the
            model takes.
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.

    Example:

    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> keras_drmm.analysis.plot_rendered_filters(model, "rendered_filters.png")
    """
    columns = standardize_integer(columns, "columns")
    check_has(model, levels="a `DRMM` or a factor model")
    rows = {}
    for level in range(1, len(model.levels) + 1):
        for name, given in (("", None), (",\nof images", images)):
            if name and images is None:
                continue
            found = render_filters(model, level, given)[:columns]
            rows[f"level {level}{name}"] = filled_up(scaled_to_grey(found), columns)
    save_grid(rows, (0.0, 1.0), path)


def _channels_last(shape, axis):
    """Return (height, width, channels) of the shape of a map with its batch."""
    height, width = (shape[n] for n in (1, 2, 3) if n != axis)
    return height, width, shape[axis]


def _fixed_place(cell):
    """Return the row-major index of the middle of a pooling cell."""
    height, width = cell
    # Zeros around a map never reach it.
    return (height - 1) // 2 * width + (width - 1) // 2


def _most_active(message, place):
    """Return for each channel an image's number and the place, where it is largest.

    Args:
        message: (N, h, w, filters).
        place: (row, column), or None for any.
    """
    rows, height, width, filters = message.shape
    if place is not None:
        at_place = message[:, place[0], place[1]]
        return at_place.argmax(axis=0), np.tile(place, (filters, 1))
    best = message.reshape(-1, filters).argmax(axis=0)
    found, *places = np.unravel_index(best, (rows, height, width))
    return found, np.stack(places, axis=1)
