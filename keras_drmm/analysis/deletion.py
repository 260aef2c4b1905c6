"""deletion_insertion: whether the pixels that a map ranks highest decide."""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from keras_drmm.layers.arguments import (
    as_array,
    standardize_classes,
    standardize_integer,
)


class DeletionInsertion(NamedTuple):
    """What `deletion_insertion` measures.

    Attributes:
        deletion: (N,), area under the probability of the class as pixels go, those of
            most evidence first: small is good.
        insertion: (N,), the same as pixels come: large is good.
        deletion_curve: (steps + 1,), mean over images; from none gone to all.
        insertion_curve: (steps + 1,).
    """

    deletion: np.ndarray
    insertion: np.ndarray
    deletion_curve: np.ndarray
    insertion_curve: np.ndarray


def deletion_insertion(model, images, maps, classes=None, baseline=0.0, steps=28):
    r"""Measure maps of evidence: delete and insert pixels in the order they rank.

    $$\mathrm{deletion} = \int_0^1 q(c \mid I \setminus S_t)\, dt, \qquad
    \mathrm{insertion} = \int_0^1 q(c \mid S_t)\, dt$$

    S_t is the share t of pixels of most evidence. All others, or these, are `baseline`.
    The integrals are by the trapezoid rule; both ends, the whole image and none of it,
    are in.

    Args:
        model: a Keras model of logits.
        images: (N, H, W, C), as the model takes them.
        maps: (N, H, W), evidence of each pixel.
        classes: integers (N,); the model's own answers if None.
        baseline: value of a deleted pixel.
        steps: number of steps in which pixels go.

    Returns:
        `DeletionInsertion`.

    Raises:
        ValueError: an argument is not as described.

    Example:

    >>> (x, _), _ = keras_drmm.data.load("mnist")
    >>> images = keras_drmm.data.to_unit_range(x[:2])
    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> maps = keras_drmm.analysis.evidence(model, images)
    >>> areas = keras_drmm.analysis.deletion_insertion(model, images, maps)
    >>> bool(areas.deletion[0] < areas.insertion[0])
    True

    Source: Petsiuk, Das, Saenko (2018), "RISE", section 4.3.
    """
    images, maps = as_array(images, "images"), as_array(maps, "maps")
    steps = standardize_integer(steps, "steps")
    if images.ndim != 4 or maps.shape != images.shape[:3]:
        raise ValueError(
            "`maps` must have a number for each pixel of `images`, got shapes "
            f"{maps.shape} and {images.shape}."
        )
    if not np.isfinite(maps).all():
        raise ValueError("`maps` must be finite, got NaN or infinity.")
    whole = _posterior(model, images)
    if classes is None:
        classes = whole.argmax(axis=1)
    classes = standardize_classes(classes, len(images), whole.shape[1])
    flat = maps.reshape(len(maps), -1)
    # 0 for the pixel of most evidence; of equal ones the first goes first.
    ranks = np.argsort(np.argsort(-flat, axis=1, kind="stable"), axis=1)
    ranks = ranks.reshape(maps.shape)[..., None]
    ends = np.round(np.linspace(0, flat.shape[1], steps + 1))
    # A number that is no integer would be cut off among images of integers.
    kind_of_pixel = images.dtype if images.dtype.kind == "f" else "float32"
    hidden = np.asarray(baseline, kind_of_pixel)
    curves = np.empty((2, steps + 1, len(images)))
    rows = np.arange(len(images))
    for number, end in enumerate(ends):
        for kind, kept in enumerate((ranks >= end, ranks < end)):
            shown = np.where(kept, images, hidden)
            curves[kind, number] = _posterior(model, shown)[rows, classes]
    deletion, insertion = np.trapezoid(curves, ends / flat.shape[1], axis=1)
    return DeletionInsertion(deletion, insertion, *curves.mean(axis=2))


def _posterior(model, images):
    logits = model.predict(images, batch_size=500, verbose=0)
    return softmax(logits.astype("float64"), axis=1)
