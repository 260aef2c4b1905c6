"""Class templates of a DRMM to start EM from: messages of the data."""

import numpy as np
from keras import ops

# Images that class templates are made from.
ROWS = 1000


def initial_templates(model, images, labels, random):
    """Return class templates μ from the data, and scale the levels' templates.

    A class starts as the mean message of its labelled rows, or else as that of a row.
    The levels' templates keep the directions that their initializer drew, at unit norm:
    patches of the data, all alike, switch on together, and switches that are always on
    tell nothing.

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
        kernel = ops.convert_to_numpy(level.conv.kernel)
        norms = np.sqrt(np.sum(np.square(kernel), axis=(0, 1, 2)))
        level.conv.kernel.assign(kernel / np.where(norms > 0, norms, 1))
        message = level(message)
    if model.templates.pooling == "mean":
        message = ops.mean(message, axis=(1, 2))
    features = ops.convert_to_numpy(message).reshape(len(order), -1)
    templates = features[random.choice(len(order), model.num_classes, replace=True)]
    for c in np.unique(labels[labels >= 0]):
        if np.any(labels[order] == c):
            templates[c] = features[labels[order] == c].mean(axis=0)
    return templates.T, order
