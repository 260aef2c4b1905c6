"""foreign_images: which unlabelled images are of none of the labelled classes."""

import numpy as np

from keras_drmm.layers.arguments import as_array, check_labels, standardize_integer

# Numbers that are left of the features of an image: distances among many rows of more
# take minutes.
_COMPONENTS = 50
# The share of walks that go on at each step, and the most folds of labels.
_GOES_ON, _FOLDS = 0.99, 10


def foreign_images(features, labels, neighbours=5):
    r"""Find unlabelled images that are none of the labelled classes, as weights.

    An image of a class is among its like, and these lead to labelled ones; foreign
    images are among other foreign ones. So each image of the graph of nearest
    neighbours is the start of a random walk that goes on with probability a = 0.99, and
    its score is how many labelled images the walk meets, as shares of their classes:

    $$s = (1 - a W)^{-1} y, \qquad y_n = \begin{cases} 1 / |\{m: y_m = y_n\}| &
    n\ \text{has a label} \\ 0 & \text{else} \end{cases}$$

    W steps to any of an image's k nearest neighbours or those it is one of, by the
    cosine of features (less their mean, along their first 50 principal components).
    Whether a score is low is told by that of labelled images whose labels are hidden,
    a tenth at a time: if p is their density and u that of unlabelled ones,

    $$w_n = \min\left(1, (1 - \alpha) \frac{p(s_n)}{u(s_n)}\right), \qquad
    1 - \alpha = \min(1, 2\, u(s \ge \text{median of}\ p))$$

    is the probability that an image is of the classes, with p / u by isotonic
    regression. α, the share of foreign images, is right if these score below the median
    of the others; otherwise it is too small.

    Args:
        features: (N, ...) numbers by which images differ. The messages of a model's
            first level, averaged over 2x2 positions, are better than pixels, and those
            of the last level, which only tell classes apart, worse.
        labels: integers (N,), -1 for an unlabelled row. Each class that has labels
            needs at least two.
        neighbours: k.

    Returns:
        A dictionary: `weight` (N,) from 0 to 1, 1 for labelled rows, which is the
        `sample_weight` of `keras_drmm.data.semi_supervised`; `score` (N,), the lower
        the more foreign; `share` α of foreign images among the unlabelled; `count`, how
        many these are.

    Raises:
        ValueError: an argument is not as described, features are not finite, or all
            rows have labels.

    Example:

    >>> (x, y), _ = keras_drmm.data.load("mnist")
    >>> x = np.concatenate([x[:400], np.random.randint(0, 256, (100, 28, 28))])
    >>> labels = np.full(500, -1)
    >>> labels[:100] = y[:100]
    >>> found = keras_drmm.evaluation.foreign_images(x, labels)
    >>> bool(found["weight"][400:].max() < 0.1)
    True

    Source: none. The walk is that of label propagation, Zhou et al. (2003), "Learning
    with Local and Global Consistency"; the share as in Elkan, Noto (2008), "Learning
    Classifiers from Only Positive and Unlabeled Data", from labels alone.
    """
    features = as_array(features, "features")
    if features.ndim < 2 or len(features) < 2:
        raise ValueError(
            "`features` must have one row of numbers for each of at least 2 images, "
            f"got shape {features.shape}."
        )
    points = features.reshape(len(features), -1).astype("float32")
    if not np.isfinite(points).all():
        raise ValueError("`features` must be finite, got NaN or infinity.")
    labels = as_array(labels, "labels")
    check_labels(labels, len(points))
    labels = labels.reshape(-1).astype("int64")
    neighbours = standardize_integer(neighbours, "neighbours")
    is_known = labels >= 0
    counts = np.unique(labels[is_known], return_counts=True)[1]
    if is_known.all() or not len(counts) or counts.min() < 2:
        raise ValueError(
            "`labels` must have an unlabelled row (-1) and at least two labels of each "
            "class that has any: one of them is hidden to see how it scores. Got "
            f"{int((~is_known).sum())} unlabelled rows and labels of {len(counts)} "
            f"classes, {min(counts, default=0)} of the class with the fewest."
        )
    score = _score(points, labels, neighbours, min(_FOLDS, counts.min()))
    weight, share = _weigh(score, is_known)
    return {
        "weight": weight,
        "score": score,
        "share": share,
        "count": round(share * int((~is_known).sum())),
    }


def _score(points, labels, neighbours, folds):
    """Return s, (N,), of labelled rows without their own label."""
    # Imported here, as they take long.
    from scipy.sparse import csr_array, diags_array, eye_array
    from scipy.sparse.linalg import cg
    from sklearn.decomposition import PCA
    from sklearn.model_selection import StratifiedKFold
    from sklearn.neighbors import kneighbors_graph

    points = points - points.mean(axis=0)
    # An image that is the mean is like no other.
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    if min(points.shape) > _COMPONENTS:
        pca = PCA(_COMPONENTS, svd_solver="randomized", random_state=0)
        points = pca.fit_transform(points)
    graph = csr_array(kneighbors_graph(points, min(neighbours, len(points) - 1)))
    graph = graph.maximum(graph.T)
    # W is similar to a symmetric matrix, D^(1/2) W D^(-1/2).
    root = np.sqrt(np.asarray(graph.sum(axis=1)).ravel())
    scale = diags_array(1 / root)
    system = eye_array(len(points)) - _GOES_ON * (scale @ graph @ scale)
    known = np.flatnonzero(labels >= 0)
    score = np.zeros(len(points))
    # Of each class as large a share is hidden: classes lie apart, and the labels of one
    # say little of another.
    split = StratifiedKFold(folds, shuffle=True, random_state=0)
    for kept, hidden in split.split(known, labels[known]):
        sources, given = np.zeros(len(points)), labels[known[kept]]
        # The classes count alike, or those of more labels by chance would have more of
        # the hidden ones, too, and these score too high.
        sources[known[kept]] = root[known[kept]] / np.bincount(given)[given]
        found = cg(system, sources, rtol=1e-5)[0] / root
        score[known[hidden]] = found[known[hidden]]
        score[labels < 0] += found[labels < 0] / folds
    return score


def _weigh(score, is_known):
    """Return w, (N,), and α."""
    from sklearn.isotonic import IsotonicRegression

    known, unknown = score[is_known], score[~is_known]
    own = min(1.0, 2 * float((unknown >= np.median(known)).mean()))
    # As if there were as many labelled rows as others: the share of labelled ones at a
    # score is then p / (p + u).
    balance = np.where(is_known, 1 / len(known), 1 / len(unknown))
    isotonic = IsotonicRegression().fit(score, is_known, sample_weight=balance)
    labelled = isotonic.predict(score)
    ratio = labelled / np.maximum(1 - labelled, 1e-12)
    weight = np.minimum(1, own * ratio)
    return np.where(is_known, 1.0, weight), 1 - own
