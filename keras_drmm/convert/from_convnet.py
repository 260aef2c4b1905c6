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

    The bias b and any ε of a convolution's normalisation go into the mean and γ of the
    level's, whose ε is ε₀:

    $$\gamma \frac{u + b - m}{\sqrt{v + \varepsilon}} = \gamma' \frac{u - (m -
    b)}{\sqrt{v + \varepsilon_0}}, \quad \gamma' = \gamma \sqrt{\frac{v +
    \varepsilon_0}{v + \varepsilon}}$$

    A hidden Dense becomes a level whose template is as large as the map it sees. A
    softmax is dropped.

    Args:
        convnet: a built Sequential or functional `keras.Model` of stock layers; models
            in it count as their layers.
        pixel_range: (lowest, highest) value of a pixel that the convnet takes.

    Returns:
        A `DRMM`, not compiled, which shares no variable with `convnet`.

    Raises:
        ValueError: `convnet` is not built, or a layer, which the error names, has no
            counterpart in a DRMM.

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
    )
    for level, match in zip(model.levels, hidden, strict=True):
        match.assign_to(level)
    templates, kernel = model.templates, top.kernel
    if reader.data_format == "channels_first":
        kernel = kernel.transpose(2, 0, 1, 3)
    templates.templates.assign(kernel.reshape(templates.templates.shape))
    # The logits of a DRMM hold ln π_c beside the bias.
    templates.bias.assign(top.bias - np.log(model.prior))
    return model
