"""Templates of a DRMM to start EM from: patches of the data, level by level."""

import numpy as np
from keras import ops

# Images that templates are drawn from.
ROWS = 1000


def initial_templates(model, images, labels, random):
    """Set the levels' templates to patches, and return class templates μ.

    Each level's patches are of the messages that the levels below pass on. A class
    starts as the mean message of its labelled rows, or else as that of a row.

    Args:
        model: a `DRMM`, whose levels change.
        images: (N, H, W, C).
        labels: integers (N,), -1 for an unlabelled row.
        random: a `numpy.random.Generator`.

    Returns:
        (μ, of the shape of the model's class templates; the rows drawn).
    """
    order = random.permutation(len(images))
    order = order[np.argsort(labels[order] < 0, kind="stable")][:ROWS]
    message = ops.convert_to_tensor(images[order], model.compute_dtype)
    for level in model.levels:
        level.conv.kernel.assign(_patches(message, level.conv, random))
        message = level(message)
    if model.templates.pooling == "mean":
        message = ops.mean(message, axis=(1, 2))
    features = ops.convert_to_numpy(message).reshape(len(order), -1)
    templates = features[random.choice(len(order), model.num_classes, replace=True)]
    for c in np.unique(labels[labels >= 0]):
        if np.any(labels[order] == c):
            templates[c] = features[labels[order] == c].mean(axis=0)
    return templates.T, order


def _patches(message, conv, random):
    """Return patches of maps, of unit norm, as templates of a `RenderingConv2D`.

    Patches are drawn by their energy: where nothing is, nothing can be learned from.
    """
    message = ops.convert_to_numpy(message)
    (kh, kw), filters = conv.kernel_size, conv.filters
    energy = np.square(message, dtype="float64").sum(axis=3)
    if not energy.any():
        energy[:] = 1
    places = random.choice(energy.size, filters, p=energy.ravel() / energy.sum())
    # The pixel that was drawn stands in the middle of its patch.
    message = np.pad(message, [(0, 0), (kh // 2, kh), (kw // 2, kw), (0, 0)])
    patches = np.stack(
        [
            message[n, i : i + kh, j : j + kw]
            for n, i, j in zip(*np.unravel_index(places, energy.shape), strict=True)
        ],
        axis=-1,
    )
    patches = patches + 1e-3 * random.normal(size=patches.shape)
    return patches / np.sqrt(np.sum(np.square(patches), axis=(0, 1, 2)))
