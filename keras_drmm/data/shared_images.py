"""shared_images: images of one set that are in another, too."""

import hashlib

import numpy as np

from keras_drmm.data.images import BLOCK, check_raw_images, scale_images
from keras_drmm.layers.arguments import as_array, standardize_number

# Of images in small, by which copies are looked for, and how many of the most like are
# then compared pixel by pixel.
_SMALL, _CANDIDATES = 8, 5


def shared_images(x, others, correlation=0.99):
    r"""Find images that are in another set, too, as exact or as near copies.

    A model that learned an image, or a near copy of it, is tested too kindly on it.
    Exact copies are equal in every pixel. Near copies are those whose pixels have at
    least a correlation of

    $$r = \frac{(a - \bar a) \cdot (b - \bar b)}{\|a - \bar a\| \|b - \bar b\|} \ge
    0.99$$

    which neither brightness nor contrast changes, nor much a little noise or another
    compression; moved or mirrored images are not found. Different digits of MNIST
    reach 0.987, most of them a 1.

    Images are looked for by small copies of 8x8 means: of the five most alike, the one
    of the largest r counts. Images of one colour are compared exactly alone.

    Args:
        x: images, for example to test with: (n, H, W) or (n, H, W, C), uint8 or floats
            from 0 to 1.
        others: images, for example of training, of the same size.
        correlation: the least r of a near copy, above 0 and at most 1.

    Returns:
        A dictionary of arrays with an entry for each image that is shared, the exact
        ones first: `row` in `x`; `other`, a row in `others`; `exact`; `correlation`.

    Raises:
        ValueError: an argument is not as described.

    Example:

    >>> (x, _), _ = keras_drmm.data.load("mnist")
    >>> found = keras_drmm.data.shared_images(x[90:100], x[:95])
    >>> found["row"].tolist(), found["other"].tolist()
    ([0, 1, 2, 3, 4], [90, 91, 92, 93, 94])
    """
    # Imported here, as it takes long.
    from sklearn.neighbors import NearestNeighbors

    x, others = as_array(x, "x"), as_array(others, "others")
    for images in (x, others):
        check_raw_images(images)
    sizes = [scale_images(images[:1]).shape[1:] for images in (x, others)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            "`others` must be images of the same size as `x`, got shapes "
            f"{sizes[1]} and {sizes[0]}."
        )
    correlation = standardize_number(correlation, "correlation", above=0, most=1)
    places = {key: row for row, key in reversed(list(enumerate(_keys(others))))}
    exact = np.array([places.get(key, -1) for key in _keys(x)])
    found = exact.copy()
    reached = np.where(exact >= 0, 1.0, -1.0)
    near = NearestNeighbors(n_neighbors=min(_CANDIDATES, len(others)))
    near.fit(_in_small(others))
    rest = np.flatnonzero(exact < 0)
    for start in range(0, len(rest), BLOCK):
        rows = rest[start : start + BLOCK]
        candidates = near.kneighbors(_in_small(x[rows]), return_distance=False)
        for column in candidates.T:
            r = (_units(x[rows]) * _units(others[column])).sum(axis=1)
            is_better = r > np.maximum(reached[rows], correlation - 1e-6)
            found[rows[is_better]] = column[is_better]
            reached[rows[is_better]] = r[is_better]
    shared = np.flatnonzero(found >= 0)
    shared = shared[np.argsort(-reached[shared] - (exact[shared] >= 0), kind="stable")]
    return {
        "row": shared,
        "other": found[shared],
        "exact": exact[shared] >= 0,
        "correlation": reached[shared],
    }


def _keys(images):
    """Return a hash of each image."""
    return [
        hashlib.sha256(image.tobytes()).digest()
        for start in range(0, len(images), BLOCK)
        for image in scale_images(images[start : start + BLOCK])
    ]


def _units(images):
    """Return pixels less their mean, as rows of length 1, or 0 for one colour."""
    rows = scale_images(images).reshape(len(images), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(lengths > 1e-4, rows / np.maximum(lengths, 1e-4), 0)


def _in_small(images):
    """Return `_units` of 8x8 means of images."""
    parts = []
    for start in range(0, len(images), BLOCK):
        small = scale_images(images[start : start + BLOCK])
        for axis in (1, 2):
            size = small.shape[axis]
            starts = np.linspace(0, size, min(size, _SMALL) + 1).astype(int)[:-1]
            shape = [1, 1, 1, 1]
            shape[axis] = -1
            sizes = np.diff([*starts, size]).reshape(shape)
            small = np.add.reduceat(small, starts, axis=axis) / sizes
        parts.append(_units(np.clip(small, 0, 1)))
    return np.concatenate(parts)
