"""images_to_label: the images whose labels would teach a model most."""

import numpy as np

from keras_drmm.evaluation.checks import standardize_probabilities
from keras_drmm.layers.arguments import as_array, standardize_integer

# Rows whose two most probable classes are further apart than this are sure.
_SURE = 0.9
# K-means of more rows takes minutes.
_MOST_ROWS = 10_000


def images_to_label(probabilities, features=None, count=100, seed=0):
    """Choose unlabelled images to label: unsure ones that differ from each other.

    An image is unsure if the margin between its two most probable classes is small. The
    images of the smallest margins are often near-copies, one of which is enough. So the
    unsure images (margin below 0.9, the 10,000 least sure if there are more) are
    grouped into `count` clusters by k-means, in which each counts by 1 - margin, and
    from each cluster the image nearest to its centre is chosen.

    Args:
        probabilities: (N, K), each row adding up to 1, of unlabelled images.
        features: (N, ...) numbers by which images differ, such as their pixels or the
            outputs of a layer; `probabilities` if None.
        count: number of images to choose, or all images if there are fewer.
        seed: of k-means, 0 or larger.

    Returns:
        Indices of the chosen images, integers (count,), the least sure first.

    Raises:
        ValueError: an argument is not as described, or features are not finite.

    Example:

    >>> probabilities = [[0.5, 0.5], [0.5, 0.5], [0.6, 0.4], [1.0, 0.0]]
    >>> features = [[0.0], [0.1], [7.0], [8.0]]  # the first two are near-copies
    >>> int(images_to_label(probabilities, features, count=2)[1])
    2

    Source: Zhdanov (2019), "Diverse mini-batch Active Learning".
    """
    probabilities = standardize_probabilities(probabilities)
    count = min(standardize_integer(count, "count"), len(probabilities))
    seed = standardize_integer(seed, "seed", minimum=0)
    features = probabilities if features is None else as_array(features, "features")
    if features.ndim < 2 or len(features) != len(probabilities):
        raise ValueError(
            "`features` must have one row of numbers for each of the "
            f"{len(probabilities)} images, got shape {features.shape}."
        )
    second, first = np.sort(probabilities, axis=1)[:, -2:].T
    margin = first - second
    least_sure = np.argsort(margin, kind="stable")
    unsure = max(count, int((margin < _SURE).sum()))
    pool = least_sure[: min(unsure, max(count, _MOST_ROWS))]
    points = features[pool].reshape(len(pool), -1).astype("float64")
    if not np.isfinite(points).all():
        raise ValueError("`features` must be finite, got NaN or infinity.")
    # Exact copies can not be in different clusters.
    clusters = min(count, len(np.unique(points, axis=0)))
    # Not 0, which k-means could not choose a first centre by.
    weights = np.maximum(1 - margin[pool], 1e-6)
    # Imported where it is needed: `import keras_drmm` would wait for it.
    from sklearn.cluster import KMeans

    means = KMeans(clusters, random_state=seed).fit(points, sample_weight=weights)
    distances = np.linalg.norm(points - means.cluster_centers_[means.labels_], axis=1)
    by_cluster = np.lexsort((distances, means.labels_))
    _, nearest = np.unique(means.labels_[by_cluster], return_index=True)
    chosen = pool[by_cluster[nearest]]
    # Copies make up the number, where there are too few others.
    rest = np.setdiff1d(pool, chosen)
    rest = rest[np.argsort(margin[rest], kind="stable")][: count - len(chosen)]
    chosen = np.concatenate([chosen, rest])
    return chosen[np.argsort(margin[chosen], kind="stable")]
