"""logit_templates: what a logit is matched with, once the switches are known."""

import math

import numpy as np
from keras import ops

from keras_drmm.analysis.grid import check_has
from keras_drmm.layers.arguments import as_array


def logit_templates(model, images, class_weights):
    r"""Return the images that the logits of images are inner products with.

    With an image's switches ĝ fixed, the bottom-up pass is an affine map, and so is
    each weighted sum of logits:

    $$\sum_c \beta_c\, \mathrm{logit}_c(I) = \langle w, I \rangle + \mathrm{const},
    \qquad w = \sum_c \beta_c\, W_{\hat g}^{(1)\top} \cdots W_{\hat g}^{(L)\top} \mu_c$$

    W_ĝ matches the templates, normalises and keeps the winners that are ON; its
    transpose places, scales and renders. w is the gradient of the sum, found by the
    model's own rendering instead of backpropagation.

    Args:
        model: a `DRMM` or a factor model that is not signed.
        images: (N, H, W, C), floats in the model's pixel range.
        class_weights: β, (N, num_classes), of each image.

    Returns:
        w, (N, H, W, C), a NumPy array.

    Raises:
        TypeError: the model has no levels, or is signed.
        ValueError: images or weights are not as described.

    Example:

    >>> (x, _), _ = keras_drmm.data.load("mnist")
    >>> images = keras_drmm.data.to_unit_range(x[:2])
    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> keras_drmm.analysis.logit_templates(model, images, np.eye(10)[[3, 8]]).shape
    (2, 28, 28, 1)

    Source: Patel, Nguyen, Baraniuk (2016), equations (8), (9) and (40).
    """
    check_not_signed(model)
    images = as_array(images, "images")
    weights = as_array(class_weights, "class_weights").astype("float32")
    if weights.shape != (len(images), model.num_classes):
        raise ValueError(
            f"`class_weights` must have {model.num_classes} numbers for each of the "
            f"{len(images)} images, got shape {weights.shape}."
        )
    return render_templates(model, weights, model.infer(images).switches)


def render_templates(model, weights, switches, down_to=0):
    """Return what weighted logits are matched with at given switches.

    Args:
        model: as of `logit_templates`.
        weights: β, (N, num_classes) float32.
        switches: ĝ^(1..L) of N images.
        down_to: ℓ, the level whose message I^(ℓ) is matched.

    Returns:
        An array of the shape of I^(ℓ): the gradient of the weighted logits.
    """
    z = model.templates.render(ops.convert_to_tensor(weights))
    if model.templates.pooling == "mean":
        # `render` repeats a template at each place, of which the logit is the mean.
        channels = model.templates.templates.shape[0]
        z = z / (math.prod(z.shape[1:]) // channels)
    for level, found in list(model.from_the_top(switches))[: len(switches) - down_to]:
        scale, _ = affine_match(level)
        shape = [1, 1, 1, 1]
        shape[level.channel_axis] = -1
        scale = ops.convert_to_tensor(scale.astype("float32").reshape(shape))
        scale = ops.cast(scale, z.dtype)
        z = level.render(z * scale, ops.convert_to_tensor(found))
    return ops.convert_to_numpy(z).astype("float32")


def affine_match(level):
    """Return (scale, shift) of a level's matches, (filters,) float64: u = a Γᵀ I + b.

    Args:
        level: a `Level`, whose batch normalisation is by its running statistics.
    """
    norm = level.batch_norm
    if norm is None:
        return np.ones(level.conv.filters), _numpy(level.conv.bias)
    deviation = np.sqrt(_numpy(norm.moving_variance) + norm.epsilon)
    scale = (_numpy(norm.gamma) if norm.scale else 1) / deviation
    shift = -scale * _numpy(norm.moving_mean)
    return scale, shift + (_numpy(norm.beta) if norm.center else 0)


def check_not_signed(model):
    """Raise unless a model has levels whose messages are not signed."""
    check_has(model, levels="a `DRMM` or a factor model")
    if not model.nonnegative and not hasattr(model, "factor_templates"):
        raise TypeError(
            "`model` must not be signed: the signs of its messages depend on the class."
        )


def _numpy(variable):
    return ops.convert_to_numpy(variable).astype("float64")
