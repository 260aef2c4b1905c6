"""A DRMM for the images at hand."""

import math

from keras_drmm.layers import Level
from keras_drmm.layers.arguments import (
    standardize_input_shape,
    standardize_integer,
)
from keras_drmm.models import DRMM
from keras_drmm.zoo.settings import COLOUR, DEEP, load_and_compile
from keras_drmm.zoo.zoo_model import zoo_model

# The height and width of the last levels, about: what is larger is halved, until the
# templates there see most of the object.
TOP_SIZE = 7
SMALLEST, LARGEST, MOST_CLASSES = 8, 256, 1000
FIRST_WIDTH, LARGEST_WIDTH = 32, 256


@zoo_model
def for_images(input_shape, num_classes, training_steps=None, preset=None):
    """Return a DRMM whose levels fit images of a size, compiled for EG.

    `drmm_conv_small` for other sizes: 28 pixels are halved twice, and those of N are
    halved k times, until the shorter side is about 7. There are 2 k + 1 levels:

    - the first has 32 templates of 5x5 (of 3x3 below 16 pixels), pooled by 2: strokes
      and edges;
    - then k - 1 pairs of 64, 128, 256 and again 256 of 3x3, the second pooled by 2:
      parts, of which there are more kinds the larger they are;
    - the last but one has twice as many as before, at most 256: the object;
    - the last has one of 1x1 for each class, whose mean over positions decides.

    The mean makes any ratio of height and width fit. Grey images learn by the objective
    of `drmm_conv_small` without `marginal_kl`: of your own images there need not be
    equally many of each class, as there are of digits, and a pull towards the labels'
    shares would make many of a frequent class look like a rare one. Without it,
    `entropy` counts 1 and not 4, or images that are harder than digits settle on wrong
    classes before their labels are learned. Those of several channels learn without
    pixel noise, too, which hides what colour images show; give
    `keras_drmm.data.semi_supervised` an `augment` that leaves their classes as they
    are. How many epochs of few images are enough, `keras_drmm.zoo.epochs_for` says: 20
    epochs of 600 images are only 120 steps.

    Args:
        input_shape: (H, W, C), sides from 8 to 256 pixels.
        num_classes: from 2 to 1,000.

    Returns:
        A compiled `DRMM`, ready for `fit` on a semi-supervised data set.

    Raises:
        ValueError: a side or the number of classes is out of range.

    Example:

    >>> model = keras_drmm.zoo.for_images((64, 48, 3), num_classes=4)
    >>> [channels for *_, channels in model.message_shapes[1:]]
    [32, 64, 64, 128, 128, 256, 4]

    Source: none in the paper beyond the configuration of `drmm_conv_small`.
    """
    shape = standardize_input_shape(input_shape)
    num_classes = standardize_integer(num_classes, "num_classes", minimum=2)
    if not all(SMALLEST <= side <= LARGEST for side in shape[:2]):
        raise ValueError(
            f"`input_shape` must have sides from {SMALLEST} to {LARGEST} pixels, got "
            f"{shape}. Resize the images, or build a `keras_drmm.DRMM` of your own."
        )
    if num_classes > MOST_CLASSES:
        raise ValueError(
            f"`num_classes` must be at most {MOST_CLASSES}, got {num_classes}."
        )
    levels = levels_for(min(shape[:2]), num_classes)
    model = DRMM(
        levels,
        shape,
        num_classes,
        # The top level has one channel for each class: it starts as that class'
        # template.
        templates_initializer="identity",
        name="for_images",
    )
    changes: dict = {"marginal_kl": 0.0}
    if len(levels) >= 5:
        # Chosen on digits that are turned, moved and cluttered, and on pairs of digits:
        # with 4 the first end in one class.
        changes |= {**DEEP, "entropy": 1.0}
    if shape[2] > 1:
        changes |= COLOUR
    return load_and_compile(model, preset, training_steps, **changes)


def levels_for(side, num_classes):
    """Return the levels for images whose shorter side has so many pixels."""
    halvings = max(1, round(math.log2(side / TOP_SIZE)))
    kernel = 3 if side < 16 else 5
    width = FIRST_WIDTH
    levels = [Level(width, kernel, padding="full", pool_size=2, batch_norm=True)]
    for _ in range(halvings - 1):
        width = min(2 * width, LARGEST_WIDTH)
        # "valid" and then "full" leave the size as it is.
        levels += [
            Level(width, 3, padding="valid", batch_norm=True),
            Level(width, 3, padding="full", pool_size=2, batch_norm=True),
        ]
    width = min(2 * width, LARGEST_WIDTH)
    levels.append(Level(width, 3, padding="valid", batch_norm=True))
    return [*levels, Level(num_classes, 1, batch_norm=True)]
