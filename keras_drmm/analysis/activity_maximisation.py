"""maximise_activity: the image that a class likes best."""

import numpy as np
from keras import ops

from keras_drmm.analysis.logit_templates import check_not_signed, render_templates
from keras_drmm.layers.arguments import (
    as_array,
    standardize_classes,
    standardize_integer,
    standardize_number,
)


def maximise_activity(model, classes, norm, start=None, steps=20):
    r"""Return images of a norm that raise the logits of classes.

    Of all images of norm r the one that a template likes best is proportional to it.
    The template depends on the pose, and each pose has its own: the solution is a sum
    of templates in many poses (10), (46),

    $$I^* \propto \sum_k \mu(c, g_k), \qquad
    g_k = \arg\max_g \langle \mu(c, g), I_k \rangle$$

    where I_k is the sum so far, at norm r. The template of k counts by 2 / (k + 2), as
    in Frank and Wolfe's method: those found first, for poorer images, fade. No step
    size is searched, and a step costs a pass up and one down.

    Args:
        model: a `DRMM` or a factor model that is not signed.
        classes: integers (N,).
        norm: r, the Euclidean norm of an image, in units of pixels. That of the images
            the model learned from is a natural choice.
        start: I_0, (H, W, C); None is grey.
        steps: number of templates that are added up.

    Returns:
        (N, H, W, C) float32. Pixels may be outside of the model's pixel range;
        `model.classify(images)` gives their logits all the same.

    Raises:
        TypeError: the model has no levels, or is signed.
        ValueError: an argument is out of range, or a class' template is 0.

    Example:

    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> images = keras_drmm.analysis.maximise_activity(model, range(10), norm=9.0)
    >>> float(np.linalg.norm(images[0]).round(3))
    9.0

    Source: Patel, Nguyen, Baraniuk (2016), equations (10), (45), (46), whose maximum
    over g is over the poses of patches; Frank, Wolfe (1956).
    """
    check_not_signed(model)
    classes = as_array(classes, "classes")
    classes = standardize_classes(classes, classes.size, model.num_classes)
    norm = standardize_number(norm, "norm", above=0)
    steps = standardize_integer(steps, "steps")
    shape = tuple(model.image_shape)
    if start is None:
        start = np.ones(shape)
    start = as_array(start, "start")
    if start.shape != shape:
        raise ValueError(f"`start` must be of shape {shape}, got {start.shape}.")
    one_hot = np.eye(model.num_classes, dtype="float32")[classes]
    images = _of_norm(np.stack([start] * len(classes)), norm)
    for step in range(1, steps + 1):
        # No `infer`, which takes images in the pixel range alone.
        _, switches = model.bottom_up(ops.convert_to_tensor(images))
        found = _of_norm(render_templates(model, one_hot, switches), norm)
        share = 2 / (step + 2)
        images = _of_norm((1 - share) * images + share * found, norm)
    return images


def _of_norm(images, norm):
    """Return images scaled to a Euclidean norm, float32."""
    norms = np.linalg.norm(images.reshape(len(images), -1), axis=1)
    if not np.all(norms > 0):
        raise ValueError(
            "An image or a class' template is 0 everywhere: it has no direction. Give "
            "another `start`, or a trained model."
        )
    return (images * (norm / norms)[:, None, None, None]).astype("float32")
