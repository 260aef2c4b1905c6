"""neighbour_labels: what a trained model would label images, helped by the like."""

import numpy as np
from keras import ops

from keras_drmm.layers.arguments import (
    check_model,
    standardize_integer,
    standardize_number,
)
from keras_drmm.models.checks import standardize_arrays
from keras_drmm.models.drmm import DRMM

# A posterior above is sure.
CONFIDENCE = 0.99
# Rows that are compared with all sure ones at a time: their similarities fill memory.
_ROWS = 500


def neighbour_labels(
    model, x, y=None, confidence=CONFIDENCE, neighbours=3, batch_size=500
):
    r"""Label images: as a model does where it is sure, else as their neighbours.

    Of the images whose posterior exceeds τ the k that are most like an unsure one vote:

    $$\hat y_n = \begin{cases} \arg\max_c q(c|I_n) & \max_c q(c|I_n) > \tau \\
    \arg\max_c \sum_{m \in N_k(n)} (1 + \cos(f_n, f_m))\, [\hat y_m = c] &
    \textrm{else} \end{cases}$$

    f is the message $I^{(L-1)}$ that the top level sees, averaged over 2x2 positions,
    less its mean over the images. It still tells where a part is, which a mean over
    all positions does not. The labels are for a second model to learn.

    Args:
        model: a trained `DRMM`.
        x: images (N, H, W, C), floats in the model's `pixel_range`.
        y: integers (N,), the labels that are known, -1 where none is: they are kept,
            and vote. None: no label is known.
        confidence: τ, from 0 to below 1; 0.99 by default.
        neighbours: k.
        batch_size: rows of a batch.

    Returns:
        Labels (N,), int64.

    Raises:
        ValueError: images or labels are not as described, an argument is out of range,
            or no image is sure.
        TypeError: the model is no `DRMM`.

    Example:

    >>> model = keras_drmm.zoo.from_preset("drmm_conv_small_mnist_100")
    >>> (x, _), _ = keras_drmm.data.load("mnist")
    >>> images = keras_drmm.data.to_unit_range(x[:500])
    >>> labels = keras_drmm.learning.neighbour_labels(model, images)
    >>> second = keras_drmm.zoo.drmm_conv_small()
    >>> history = second.fit(images, labels, verbose=0)

    Source: the vote weighted by distance is that of Dudani (1976), "The
    Distance-Weighted k-Nearest-Neighbor Rule", by a network's features as in Iscen,
    Tolias, Avrithis, Chum (2019), "Label Propagation for Deep Semi-supervised
    Learning", arXiv:1904.04717, after one step.
    """
    check_model(model, "model", DRMM)
    x, y = standardize_arrays(
        x, y, model.image_shape, model.pixel_range, model.num_classes
    )
    confidence = standardize_number(confidence, "confidence", least=0)
    if confidence >= 1:
        raise ValueError(
            f"`confidence` must be from 0 to below 1, got {confidence!r}: images of a "
            "higher posterior are labelled by the model."
        )
    neighbours = standardize_integer(neighbours, "neighbours")
    batch_size = standardize_integer(batch_size, "batch_size")
    posterior, features = _posterior_and_features(model, x, batch_size)
    labels, is_sure = posterior.argmax(-1), posterior.max(-1) > confidence
    if y is not None:
        y = np.asarray(y, "int64").reshape(-1)
        labels, is_sure = np.where(y >= 0, y, labels), is_sure | (y >= 0)
    if not is_sure.any():
        raise ValueError(
            f"No image has a posterior above {confidence}: train the model for longer, "
            "or give a lower `confidence`."
        )
    like, voices = features[is_sure], np.eye(model.num_classes)[labels[is_sure]]
    k = min(neighbours, len(like))
    unsure = np.flatnonzero(~is_sure)
    for start in range(0, len(unsure), _ROWS):
        rows = unsure[start : start + _ROWS]
        similarity = features[rows] @ like.T
        nearest = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
        weights = 1 + np.take_along_axis(similarity, nearest, axis=1)
        votes = np.einsum("nk,nkc->nc", weights, voices[nearest])
        labels[rows] = votes.argmax(-1)
    return labels


def _posterior_and_features(model, x, batch_size):
    """Return q(c|I), (N, num_classes), and f of length 1, (N, features)."""
    posterior, features = [], []
    for start in range(0, len(x), batch_size):
        images = ops.convert_to_tensor(
            x[start : start + batch_size], model.compute_dtype
        )
        e_step = model.e_step(images, render_divisor=0)
        logits = ops.cast(e_step.logits, "float32")
        posterior.append(ops.convert_to_numpy(ops.softmax(logits)))
        message = ops.cast(e_step.messages[-2], "float32")
        layout = model.levels[-1].data_format
        pooled = ops.average_pool(message, 2, 2, "same", data_format=layout)
        features.append(ops.convert_to_numpy(ops.reshape(pooled, (len(images), -1))))
    every = np.concatenate(features)
    every = every - every.mean(0)
    # An image whose messages are the mean is like no other.
    lengths = np.maximum(np.linalg.norm(every, axis=1, keepdims=True), 1e-12)
    return np.concatenate(posterior), every / lengths
