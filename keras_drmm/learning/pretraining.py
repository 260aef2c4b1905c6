"""pretrain: templates of each level from unlabelled images, before any label."""

import numpy as np
from keras import ops

from keras_drmm.em.em import EM
from keras_drmm.layers.arguments import check_model, describe, standardize_integer
from keras_drmm.models.checks import standardize_images
from keras_drmm.models.drmm import DRMM


def pretrain(model, x, algorithm, epochs=5, batch_size=100, verbose=0):
    r"""Learn a model's templates without labels, a level after the other, by EM.

    Level ℓ alone is a DRMM of one level, of the messages that the levels below pass on:

    $$\Gamma^{(\ell)} = \arg\min_\Gamma \sum_n \|I_n^{(\ell-1)} - \Lambda_{\hat
    g}^{(\ell)} \mu_{\hat c}\|^2$$

    Its templates Γ then take the place of the model's. Class templates, biases and
    batch normalisation stay as they are: learn them by `EG`, with few labels. A frozen
    level keeps its templates and passes on the messages that the model has there.

    Args:
        model: a `DRMM` of channels_last levels; its kernels change.
        x: images (N, H, W, C), floats in the model's `pixel_range`. The messages of all
            of them are kept in memory: some thousands are enough.
        algorithm: `HardEM()` or `SoftEM()`.
        epochs: sweeps of each level.
        batch_size: rows of a batch.
        verbose: as of `fit`.

    Returns:
        For each level, the finest first, the list of its objective after each sweep,
        empty for a frozen level.

    Raises:
        ValueError: images are not what the model takes, or another argument is out of
            range.
        TypeError: the model is no `DRMM`.

    Example:

    >>> model = keras_drmm.zoo.drmm_lenet()
    >>> x = np.random.rand(200, 28, 28, 1).astype("float32")
    >>> losses = keras_drmm.learning.pretrain(model, x, keras_drmm.HardEM(), epochs=2)

    Source: Patel, Nguyen, Baraniuk (2016), section 4, "Unsupervised pre-training".
    """
    standardize_integer(epochs, "epochs")
    batch_size = standardize_integer(batch_size, "batch_size")
    check_model(model, "model", DRMM, "Templates are learned level by level.")
    if not isinstance(algorithm, EM):
        raise ValueError(
            "`algorithm` must be `keras_drmm.HardEM()` or `keras_drmm.SoftEM()`, got "
            f"{describe(algorithm)}."
        )
    x = standardize_images(x, model.image_shape, model.pixel_range)
    message = np.asarray(x, "float32")
    histories: list = []
    for level in model.levels:
        conv = level.conv
        if not (model.trainable and level.trainable and conv.trainable):
            histories.append([])
            message = _messages(level, message, batch_size)
            continue
        # Closed forms know no batch normalisation.
        alone = level.without_normalisation()
        part = DRMM(
            [alone],
            message.shape[1:],
            model.num_classes,
            pooling=None,
            pixel_range=(float(message.min()), float(message.max())),
        )
        alone.conv.kernel.assign(conv.kernel)
        part.compile(algorithm=algorithm)
        fitted = part.fit(
            message, batch_size=batch_size, epochs=epochs, verbose=verbose
        )
        histories.append(fitted.history["loss"])
        conv.kernel.assign(alone.conv.kernel)
        message = _messages(alone, message, batch_size)
    return histories


def _messages(level, below, batch_size):
    """Return what a level passes on, at a scale of 1, in batches."""
    parts = [
        ops.convert_to_numpy(level(ops.convert_to_tensor(below[s : s + batch_size])))
        for s in range(0, len(below), batch_size)
    ]
    # NumPy's mean of bfloat16 adds up in bfloat16.
    message = np.concatenate(parts).astype("float32")
    # A level that is silent has nothing to scale.
    scale = float(np.sqrt(np.mean(np.square(message)))) or 1.0
    return message / scale
