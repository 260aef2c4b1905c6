"""images_to_label: the images whose labels would teach a model most."""

import numpy as np

from keras_drmm.evaluation.checks import standardize_probabilities
from keras_drmm.layers.arguments import as_array, standardize_integer

# K-means of more rows takes minutes.
_MOST_ROWS = 10_000


def images_to_label(probabilities, features=None, count=100, seed=0):
    r"""Choose unlabelled images to label: typical ones of where the model errs most.

    A label tells of the images around its own, if that is one of them: the least sure
    images are often odd ones, or near-copies of each other. With few labels random
    images have taught as much as those chosen here, or more (`recipes/next_labels.py`):
    label some of both. All images (the 10,000 least sure if there are more) are grouped
    into 2 `count` clusters by k-means. From each of the `count` clusters k in which
    most errors are expected,

    $$E_k = \sum_{n \in k} (1 - \max_c p_{nc}),$$

    the image nearest to the centre is chosen.

    Args:
        probabilities: (N, K), each row adding up to 1, of unlabelled images.
        features: (N, ...) numbers by which images differ, such as their pixels or the
            outputs of a layer; `probabilities` if None.
        count: number of images to choose, or all images if there are fewer.
        seed: of k-means, 0 or larger.

    Returns:
        Indices of the chosen images, integers (count,), those of most expected errors
        first.

    Raises:
        ValueError: an argument is not as described, or features are not finite.

    Example:

    >>> probabilities = [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.6, 0.4], [1.0, 0.0]]
    >>> features = [[0.0], [0.1], [0.2], [7.0], [9.0]]  # the first three are near
    >>> images_to_label(probabilities, features, count=1).tolist()
    [1]

    Source: Hacohen, Dekel, Weinshall (2022), "Active Learning on a Budget", for typical
    images.
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
    unsure = 1 - probabilities.max(axis=1)
    pool = np.argsort(-unsure, kind="stable")[: max(count, _MOST_ROWS)]
    points = features[pool].reshape(len(pool), -1).astype("float64")
    if not np.isfinite(points).all():
        raise ValueError("`features` must be finite, got NaN or infinity.")
    # Exact copies can not be in different clusters.
    clusters = min(2 * count, len(np.unique(points, axis=0)))
    # Imported where it is needed: `import keras_drmm` would wait for it.
    from sklearn.cluster import KMeans

    means = KMeans(clusters, random_state=seed).fit(points)
    distances = np.linalg.norm(points - means.cluster_centers_[means.labels_], axis=1)
    # Of points that hardly differ, k-means may leave clusters empty.
    _, labels = np.unique(means.labels_, return_inverse=True)
    by_cluster = np.lexsort((distances, labels))
    _, nearest = np.unique(labels[by_cluster], return_index=True)
    errors = np.bincount(labels, weights=unsure[pool])
    most = np.argsort(-errors, kind="stable")[:count]
    chosen = by_cluster[nearest][most]
    # Copies make up the number, where there are too few others.
    rest = np.setdiff1d(np.arange(len(pool)), chosen)[: count - len(chosen)]
    return pool[np.concatenate([chosen, rest])]
