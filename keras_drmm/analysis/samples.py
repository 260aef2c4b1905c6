"""A picture of what a model draws."""

import numpy as np
from keras import ops

from keras_drmm.analysis.grid import save_grid


def plot_samples(model, path, columns=10, seed=0):
    """Draw samples of each class, a row a class, without and with pixel noise.

    Left: classes rendered with switches drawn from their priors. Right: samples with
    the noise, as `sample` returns them.

    Args:
        model: a `DRMM` of grey or RGB images, channels_last.
        path: the PNG file to write.
        columns: samples of a class, of each kind.
        seed: of the draws.

    Raises:
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.
    """
    classes = np.arange(model.num_classes).repeat(columns)
    noisy, _ = model.sample(len(classes), classes, seed)
    variance = ops.convert_to_numpy(model.noise_variance)
    model.noise_variance.assign(0.0)
    try:
        clean, _ = model.sample(len(classes), classes, seed)
    finally:
        model.noise_variance.assign(variance)
    rows = {
        f"class {c}": np.concatenate([clean[classes == c], noisy[classes == c]])
        for c in range(model.num_classes)
    }
    save_grid(rows, model.pixel_range, path)
