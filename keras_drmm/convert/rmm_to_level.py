"""The convnet layers that an RMM of patches is: Lemma A.2, Propositions A.1, A.3."""

import keras
import numpy as np
from keras import layers, ops

from keras_drmm.layers.arguments import check_model, standardize_input_shape
from keras_drmm.layers.level import Level
from keras_drmm.models import RMM


def to_level(model, pool_size=1):
    r"""Return the level that infers translation and switch of an RMM's templates.

    The RMM is one of patches. Its template cg may stand at each position t of a cell
    of `pool_size` positions of a larger image, or nowhere:

    $$\max_{t, a} \ln \frac{p(I, a \mid c, g, t)}{p(I, \mathrm{OFF})} = \max_t
    \mathrm{ReLU}((w_{cg} \star I)_t + b_{cg} + b_a)$$

    which is the level's message: convolution, ReLU and max-pooling.

    Args:
        model: an `RMM` with a switch.
        pool_size: height and width of a cell, an integer or a pair.

    Returns:
        A built `Level` of padding "valid": images (B, H, W, C) -> (B, h, w,
        num_classes * num_nuisances), the template of (c, g) at channel
        c * num_nuisances + g. Its weights are copies.

    Raises:
        TypeError: the model is no `RMM`.
        ValueError: the model has no switch, or `pool_size` is out of range.

    Source: Patel, Nguyen, Baraniuk (2016), Lemma A.2 and Proposition A.3.
    """
    check_model(model, "model", RMM)
    natural = model.natural_parameters()
    if natural.switch_bias is None:
        raise ValueError(
            "Without a switch the match of a template is no ReLU: use `to_maxout()`."
        )
    kernel, bias = _kernel(natural)
    level = Level(
        bias.size,
        kernel.shape[:2],
        padding="valid",
        pool_size=pool_size,
        data_format="channels_last",
        # Half precision has too few digits for a small σ².
        dtype=model.dtype_policy,
        name=f"{model.name}_level",
    )
    level.build((None, None, None, kernel.shape[2]))
    level.conv.set_weights([kernel, bias + natural.switch_bias])
    return level


def to_maxout(model, image_shape=None):
    r"""Return the MaxOut network that infers class and nuisance of an RMM's templates.

    The switch is taken as ON, and no ReLU is left:

    $$y_c(I)_x = \max_g\, (w_{cg} \star I)_x + b_{cg} + \ln \pi_c \pi_g$$

    Args:
        model: an `RMM` of patches.
        image_shape: (H, W, C) of an image, by default that of the RMM.

    Returns:
        A functional model of stock Keras layers: images (B, H, W, C) -> (B, h, w,
        num_classes), for each patch of the image. Its weights are copies.

    Raises:
        TypeError: the model is no `RMM`.
        ValueError: `image_shape` is no shape of an image that holds a patch.

    Source: Patel, Nguyen, Baraniuk (2016), Proposition A.1.
    """
    check_model(model, "model", RMM)
    if image_shape is None:
        image_shape = model.image_shape
    image_shape = standardize_input_shape(image_shape, "image_shape")
    least = model.image_shape
    if image_shape[2] != least[2] or any(
        size < patch for size, patch in zip(image_shape[:2], least[:2], strict=True)
    ):
        raise ValueError(
            f"`image_shape` must be at least that of the RMM's patches, {least}, with "
            f"as many channels, got {image_shape}."
        )
    kernel, bias = _kernel(model.natural_parameters())
    log_prior = np.log(ops.convert_to_numpy(model.class_prior))[:, None] + np.log(
        ops.convert_to_numpy(model.nuisance_prior)
    )
    image = keras.Input(image_shape)
    options = {"data_format": "channels_last", "dtype": model.dtype_policy}
    conv = layers.Conv2D(bias.size, kernel.shape[:2], **options)
    matched = conv(image)
    conv.set_weights([kernel, bias + log_prior.reshape(-1)])
    height, width = matched.shape[1:3]
    nuisances, classes = model.num_nuisances, model.num_classes
    # (B, h, w, |C| |G|) -> (B, h w |C|, |G|, 1) -> (B, h w |C|, 1, 1)
    x = layers.Reshape((-1, nuisances, 1), dtype=model.dtype_policy)(matched)
    x = layers.MaxPooling2D((1, nuisances), **options)(x)
    # -> (B, h, w, |C|)
    x = layers.Reshape((height, width, classes), dtype=model.dtype_policy)(x)
    return keras.Model(image, x, name=f"{model.name}_maxout")


def _kernel(natural):
    """Return (kernel (H, W, C, |C| |G|), bias (|C| |G|,)) of a convolution."""
    weights = natural.weights.reshape(-1, *natural.weights.shape[2:])
    return np.moveaxis(weights, 0, -1), natural.biases.reshape(-1)
