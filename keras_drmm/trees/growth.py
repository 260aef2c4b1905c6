"""Hard EM of a level of an evolutionary tree: all of its nodes at once.

`parent` is the node of each row, and `order` lists rows node by node. A block of them
has few nodes, so that one product of matrices matches it with all their children.
"""

import numpy as np

# Below the log-probability of anything, and finite: no NaN comes of it.
IMPOSSIBLE = -1e30


def join_labels(images, labels, num_classes, weight):
    """Return images with one-hot labels beside them, both less their means.

    Args:
        images: float32 (N, D).
        labels: integers (N,), -1 where unknown: the label is then at its mean.
        num_classes: |C|.
        weight: the variance of known labels relative to that of the images.

    Returns:
        float32 (N, D + |C|).
    """
    known = np.flatnonzero(labels >= 0)
    pixels = images.shape[1]
    joined = np.zeros((len(images), pixels + num_classes), "float32")
    joined[:, :pixels] = images - images.mean(axis=0, dtype="float64")
    if len(known):
        one_hot = np.eye(num_classes)[labels[known]]
        one_hot -= one_hot.mean(axis=0)
        squares = np.square(one_hot).sum(axis=1).mean()
        wanted = weight * mean_square(joined, pixels) * pixels
        # Labels of one class have no variance to scale.
        scale = np.sqrt(wanted / squares) if squares else 0
        joined[known, pixels:] = scale * one_hot
    return joined


def mean_square(features, num_pixels):
    """Return the mean square of the first `num_pixels` features, the image's."""
    pixels = features[:, :num_pixels]
    squares = np.einsum("nd,nd->n", pixels, pixels)
    return float(squares.mean(dtype="float64")) / num_pixels


def split(features, parent, shape, num_pixels, epochs, batch_size, random):
    """Share out the rows of each node among its children, by hard EM.

    Sweeps over images joined with labels never raise the sum of squared residuals. A
    last one shares out by the images alone, as inference does, and never raises theirs.

    Args:
        features: residuals from the template of the node, images before labels, (N, E).
        parent: the node of each row, (N,).
        shape: (nodes, children of a node).
        num_pixels: how many of the features are the image's.
        epochs: sweeps at most.
        batch_size: rows at a time.
        random: a `numpy.random.Generator`.

    Returns:
        (mutations (*shape, E), counts of rows `shape`, the child of each row (N,)).
    """
    order = np.argsort(parent, kind="stable")
    squares = np.einsum("ne,ne->n", features, features)
    mutations = _plant(features, squares, parent, order, shape, batch_size, random)
    chosen = np.full(len(features), -1)
    active = order
    for _ in range(epochs):
        now, matches, sums, counts = _sweep(
            features, parent, active, mutations, batch_size
        )
        moved = np.zeros(len(mutations), bool)
        moved[parent[active[now != chosen[active]]]] = True
        chosen[active] = now
        _m_step(mutations, sums, counts, moved)
        distances = squares[active] - 2 * matches
        # What rounding leaves of the distance of equal rows is none.
        distances[distances < 1e-5 * squares[active]] = 0
        moved[_reseed(features, distances, parent, active, mutations, counts)] = True
        active = active[moved[parent[active]]]
        if not len(active):
            break
    mutations[..., num_pixels:] = 0
    now, _, sums, counts = _sweep(features, parent, order, mutations, batch_size)
    chosen[order] = now
    # An unused child stays as its parent: a mutation of 0.
    _m_step(mutations, sums, counts, np.ones(len(mutations), bool))
    return mutations, counts, chosen


def log_shares(counts):
    """Return ln of the shares of siblings; equal ones where no row was seen."""
    rows = counts.sum(axis=1, keepdims=True)
    shares = np.where(rows > 0, counts, 1) / np.where(rows > 0, rows, counts.shape[1])
    return np.where(shares > 0, np.log(np.where(shares > 0, shares, 1)), IMPOSSIBLE)


def label_shares(leaves, labels, shape, branching, smoothing):
    """Return p(c | leaf): the shares of its labels, smoothed by those of its parent.

    Args:
        leaves: the leaf of each row, (N,).
        labels: its class, (N,).
        shape: (leaves, classes).
        branching: children of a node.
        smoothing: how many rows the shares of a parent count for; the root's are
            smoothed by equal ones.
    """
    counts = [np.zeros(shape)]
    np.add.at(counts[0], (leaves, labels), 1)
    while len(counts[0]) > 1:
        siblings = counts[0].reshape(-1, branching, shape[1])
        counts.insert(0, siblings.sum(axis=1))
    shares = np.full((1, shape[1]), 1 / shape[1])
    for count in counts:
        shares = np.repeat(shares, len(count) // len(shares), axis=0)
        rows = count.sum(axis=1, keepdims=True)
        shares = (count + smoothing * shares) / (rows + smoothing)
    return shares


def _plant(features, squares, parent, order, shape, batch_size, random):
    """Choose rows of each node as its children to start from, as k-means++ does.

    The first is any row, each further one is drawn with a probability as the squared
    distance to the nearest one so far.
    """
    mutations = np.zeros((*shape, features.shape[1]), "float32")
    weights = np.ones(len(features))
    for child in range(shape[1]):
        # Whoever comes first in a race at these speeds is such a draw.
        times = random.exponential(size=len(features)) / np.maximum(weights, 1e-30)
        nodes, rows = _first_of_each(parent, times)
        mutations[nodes, child] = features[rows]
        matches = _sweep(
            features, parent, order, mutations[:, child : child + 1], batch_size
        )[1]
        distances = np.maximum(squares[order] - 2 * matches, 0)
        nearest = distances if child == 0 else np.minimum(weights[order], distances)
        weights[order] = nearest
    return mutations


def _sweep(features, parent, order, mutations, batch_size):
    """Run the E-step (49) on the rows in `order`, and sum up for the M-step.

    Returns:
        (the chosen child, its match <α|I> - ||α||²/2, both in `order`, sums of the rows
        of each child, their counts).
    """
    branching = mutations.shape[1]
    penalties = np.einsum("kbe,kbe->kb", mutations, mutations) / 2
    sums, counts = np.zeros_like(mutations), np.zeros(mutations.shape[:2])
    chosen = np.empty(len(order), "int64")
    matches = np.empty(len(order), "float32")
    for block in batches(np.arange(len(order)), batch_size):
        rows, here = features[order[block]], np.arange(len(block))
        nodes, local = np.unique(parent[order[block]], return_inverse=True)
        filters = mutations[nodes].reshape(-1, features.shape[1])
        scores = (rows @ filters.T).reshape(len(rows), -1, branching)[here, local]
        scores -= penalties[nodes][local]  # (rows, |G|)
        best = scores.argmax(axis=1)
        chosen[block], matches[block] = best, scores[here, best]
        members = np.zeros((len(rows), len(filters)), "float32")
        members[here, branching * local + best] = 1
        sums[nodes] += (members.T @ rows).reshape(len(nodes), branching, -1)
        counts[nodes] += members.sum(axis=0).reshape(-1, branching)
    return chosen, matches, sums, counts


def _m_step(mutations, sums, counts, nodes):
    """Put the children of `nodes`, in place, at the means of their rows, or at 0."""
    mutations[nodes] = sums[nodes] / np.maximum(counts[nodes], 1)[..., None]


def _reseed(features, distances, parent, active, mutations, counts):
    """Move an unused child of a node, in place, to the row that is explained worst.

    Returns:
        The nodes whose child moved.
    """
    nodes, rows = _first_of_each(parent[active], -distances)
    unused = (counts[nodes] == 0).any(axis=1) & (distances[rows] > 0)
    nodes, rows = nodes[unused], rows[unused]
    mutations[nodes, counts[nodes].argmin(axis=1)] = features[active[rows]]
    return nodes


def _first_of_each(groups, keys):
    """Return the groups that there are, and of each the place of its least key."""
    order = np.lexsort((keys, groups))
    present, first = np.unique(groups[order], return_index=True)
    return present, order[first]


def batches(rows, size):
    """Cut an array into parts of `size`; of an empty one there is none."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
