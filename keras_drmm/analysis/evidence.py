"""evidence: which pixels speak for a class."""

import keras
import numpy as np
from keras import ops

from keras_drmm.analysis.logit_templates import (
    check_not_signed,
    logit_templates,
    render_templates,
)
from keras_drmm.layers.arguments import (
    as_array,
    check_choice,
    standardize_classes,
    standardize_integer,
)

METHODS = (
    "contribution",
    "render",
    "gradient",
    "integrated_gradients",
    "grad_cam",
)


def evidence(
    model, images, method="contribution", classes=None, against=None, steps=32
):
    r"""Return maps of how much each pixel speaks for a class and against another.

    With w the template of the difference of the two logits at the image's switches
    (`logit_templates`) the methods are

    - "contribution": $I_x w_x$, which add up to the difference of the logits but for
      what biases and normalisation add;
    - "render": $|\hat z^{(0)}_{c} - \hat z^{(0)}_{c'}|_x$, where the renders of the two
      classes with the image's switches differ. It shows what the model stores of them,
      and says nothing of how it decides if it was trained by labels alone;
    - "gradient": $|w_x|$ (Simonyan, Vedaldi, Zisserman 2014);
    - "integrated_gradients": how much brighter than black $I_x$ is, times the mean of
      $w_x$ along the way from a black image to I, by the midpoint rule (Sundararajan,
      Taly, Yan 2017);
    - "grad_cam": the messages of the last level but one, weighted by their mean
      gradients, 0 where negative, at the size of the image (Selvaraju et al. 2017).

    Of several channels the values are added up.

    Args:
        model: a channels_last `DRMM` or factor model that is not signed.
        images: (N, H, W, C), floats in the model's pixel range.
        method: one of the above.
        classes: integers (N,), the class that is explained; ĉ if None.
        against: integers (N,), the other class; the most probable one other than
            `classes` if None.
        steps: number of images on the way, of "integrated_gradients".

    Returns:
        (N, H, W) float32.

    Raises:
        TypeError: the model is of another kind.
        ValueError: an argument is out of range, or both classes of an image are one.

    Example:

    >>> (x, _), _ = keras_drmm.data.load("mnist")
    >>> images = keras_drmm.data.to_unit_range(x[:2])
    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> keras_drmm.analysis.evidence(model, images).shape
    (2, 28, 28)
    """
    check_not_signed(model)
    if model.levels[0].data_format != "channels_last":
        raise TypeError("`model` must be channels_last, got channels_first.")
    check_choice(method, "method", METHODS)
    steps = standardize_integer(steps, "steps")
    images = as_array(images, "images")
    e_step = model.infer(images)
    classes, against = _standardize(e_step.logits, classes, against)
    eye = np.eye(model.num_classes, dtype="float32")
    weights = eye[classes] - eye[against]
    if method == "grad_cam":
        return _grad_cam(model, e_step, weights)
    if method == "render":
        one, other = (model.render(c, e_step.switches) for c in (classes, against))
        return np.abs(one - other).sum(axis=-1)
    if method == "integrated_gradients":
        black = np.asarray(model.pixel_range[0], images.dtype)
        brightness = images - black
        shares = (np.arange(steps) + 0.5) / steps
        way = (black + (share * brightness).astype(images.dtype) for share in shares)
        total = sum(logit_templates(model, image, weights) for image in way)
        return (brightness * (total / steps)).sum(axis=-1).astype("float32")
    template = logit_templates(model, images, weights)
    if method == "gradient":
        return np.abs(template).sum(axis=-1)
    return (images * template).sum(axis=-1).astype("float32")


def _standardize(logits, classes, against):
    """Return the two classes of each image."""
    rows, num_classes = logits.shape
    if classes is None:
        classes = logits.argmax(axis=1)
    classes = standardize_classes(classes, rows, num_classes)
    if against is None:
        others = np.where(np.eye(num_classes, dtype=bool)[classes], -np.inf, logits)
        against = others.argmax(axis=1)
    against = standardize_classes(against, rows, num_classes)
    if np.any(classes == against):
        row = int(np.argmax(classes == against))
        raise ValueError(
            f"`against` must be another class than `classes`, got {classes[row]} for "
            f"both of image {row}."
        )
    return classes, against


def _grad_cam(model, e_step, weights):
    """Return the map of Grad-CAM at the size of the images, (N, H, W)."""
    message = e_step.messages[-2]
    gradient = render_templates(
        model, weights, e_step.switches, down_to=len(e_step.switches) - 1
    )
    means = gradient.mean(axis=(1, 2), keepdims=True)
    found = np.maximum((message * means).sum(axis=-1, keepdims=True), 0)
    size = tuple(model.image_shape[:2])
    return ops.convert_to_numpy(
        keras.ops.image.resize(found, size, "bilinear", data_format="channels_last")
    )[..., 0]
