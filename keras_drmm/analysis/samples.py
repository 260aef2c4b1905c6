"""A picture of samples of a model."""

import numpy as np

from keras_drmm.analysis.grid import check_has, save_grid
from keras_drmm.layers.arguments import standardize_integer


def plot_samples(model, path, columns=10, seed=0):
    """Plot samples of each class, without and with pixel noise.

    Each class has one row. On the left are samples without noise: the class, rendered
    with switches sampled from their prior. On the right are the same samples with
    noise, as `sample` returns them.

    Args:
        model: a channels_last `DRMM` of grey or RGB images.
        path: path of the PNG file.
        columns: number of samples of a class without noise, and with noise.
        seed: seed of the samples.

    Raises:
        TypeError: the model draws no samples with noise.
        ValueError: `columns` is no integer of at least 1, or `seed` none of at least 0.
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.

    Example:

    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> keras_drmm.analysis.plot_samples(model, "samples.png", columns=2)
    """
    columns = standardize_integer(columns, "columns")
    check_has(model, sample="a rendering model", noise_variance="one with pixel noise")
    classes = np.arange(model.num_classes).repeat(columns)
    noisy, _ = model.sample(len(classes), classes, seed)
    clean, _ = model.sample(len(classes), classes, seed, noise=False)
    rows = {
        f"class {c}": np.concatenate([clean[classes == c], noisy[classes == c]])
        for c in range(model.num_classes)
    }
    save_grid(rows, model.pixel_range, path)
