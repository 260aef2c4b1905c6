"""The generative counterpart of a convnet: a DRMM that classifies as it does."""

import numpy as np

from keras_drmm.convert.convnet_reader import ConvnetReader
from keras_drmm.models import DRMM


def from_convnet(convnet, pixel_range=(0.0, 1.0)):
    r"""Build a DRMM with the weights, and thus the logits, of a convnet.

    The discriminative relaxation (44) read backwards: the weights of a classifier are
    natural parameters that the constraints of a generative model have not bound. Its
    kernels become the rendering templates Γ, its last dense layer the class templates
    μ_c; α starts at 0. What the DRMM then renders is where learning can start.

    The bias b of a convolution goes into the mean of its normalisation:

    $$\gamma \frac{u + b - m}{\sqrt{v + \varepsilon}} = \gamma \frac{u - (m -
    b)}{\sqrt{v + \varepsilon}}$$

    How layers learn is taken over too: what is frozen, momentum, ε, regularizers of
    kernels and all arguments of normalisations, and the dtype policy. Initializers are
    not, as there are weights, and a bias that a layer does without starts at 0.

    A hidden Dense becomes a level whose template is as large as the map it sees. A
    softmax is dropped.

    Args:
        convnet: a built Sequential or functional `keras.Model` of stock layers; models
            in it count as their layers.
        pixel_range: (lowest, highest) value of a pixel that the convnet takes.

    Returns:
        A `DRMM`, not compiled, which shares no variable with `convnet`.

    Raises:
        ValueError: `convnet` is not built, or a layer or an argument of it, which the
            error names, has no counterpart in a DRMM.

    Example:

    >>> vgg = keras.applications.VGG16(weights=None)
    >>> model = from_convnet(vgg, pixel_range=(-128, 152))
    >>> model.reconstruct(images).shape
    (2, 224, 224, 3)

    Source: Patel, Nguyen, Baraniuk (2016), Appendix D.
    """
    reader = ConvnetReader(convnet)
    *hidden, top = reader.read_all()
    model = DRMM(
        [match.level(reader.data_format) for match in hidden],
        convnet.input_shape[1:],
        top.kernel.shape[-1],
        pooling=reader.pooling,
        pixel_range=pixel_range,
        templates_regularizer=top.layer.kernel_regularizer,
        dtype=reader.dtype_policy,
    )
    for level, match in zip(model.levels, hidden, strict=True):
        match.assign_to(level)
    templates, kernel = model.templates, top.kernel
    if reader.data_format == "channels_first":
        kernel = kernel.transpose(2, 0, 1, 3)
    templates.templates.assign(kernel.reshape(templates.templates.shape))
    # The logits of a DRMM hold ln π_c beside the bias.
    templates.bias.assign(top.bias - np.log(model.prior))
    templates.trainable = top.layer.trainable
    model.mark_initialized()
    if not convnet.trainable:
        model.trainable = False
    return model
