"""Hard EM of a level of an evolutionary tree: all of its nodes at once.

`parent` is the node of each row, and `order` lists rows node by node. A block of them
has few nodes, so that one product of matrices matches it with all their children.
"""

import numpy as np

from keras_drmm.em.contract import ExpectationMaximization

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


class LevelGrowth(ExpectationMaximization):
    """Hard EM that shares out the images of each node among its children.

    Sweeps over images joined with labels never raise the sum of squared residuals. A
    last one shares out by the images alone, as inference does, and never raises theirs.

    Args:
        features: residuals from the template of the node, images before labels, (N, E).
        parent: the node of each row, (N,).
        shape: (nodes, children of a node).
        num_pixels: how many of the features are the image's.
        batch_size: rows at a time.

    Attributes:
        mutations: α of each child, (*shape, E).
        counts: rows of each child, `shape`.
        chosen: the child of each row, (N,).
    """

    def __init__(self, features, parent, shape, num_pixels, batch_size):
        self.features, self.parent, self.num_pixels = features, parent, num_pixels
        self.batch_size = batch_size
        self.order = np.argsort(parent, kind="stable")
        self.squares = np.einsum("ne,ne->n", features, features)
        self.mutations = np.zeros((*shape, features.shape[1]), "float32")
        self.chosen = np.full(len(features), -1)
        self.reset_statistics()

    def grow(self, epochs, random):
        """Run EM for at most so many sweeps; nodes where nothing changes stop."""
        self.initialize(random)
        # Rows of the nodes that still change.
        self.active = self.order
        for _ in range(epochs):
            self.accumulate(self.e_step(self.active))
            moved = self.m_step()
            self.active = self.active[moved[self.parent[self.active]]]
            if not len(self.active):
                break
        self.mutations[..., self.num_pixels :] = 0
        self.active = self.order
        self.accumulate(self.e_step(self.order))
        # An unused child stays as its parent: a mutation of 0.
        self._average(np.ones(len(self.mutations), bool))

    def initialize(self, random):
        """Choose rows of each node as its children to start from, as k-means++ does.

        The first is any row, each further one is drawn with a probability as the
        squared distance to the nearest one so far.
        """
        order, squares = self.order, self.squares
        weights = np.ones(len(self.features))
        for child in range(self.mutations.shape[1]):
            # Whoever comes first in a race at these speeds is such a draw.
            times = random.exponential(size=len(weights)) / np.maximum(weights, 1e-30)
            nodes, rows = _first_of_each(self.parent, times)
            self.mutations[nodes, child] = self.features[rows]
            matches = self.e_step(order, slice(child, child + 1))[1]
            distances = np.maximum(squares[order] - 2 * matches, 0)
            nearest = distances if child == 0 else np.minimum(weights[order], distances)
            weights[order] = nearest

    def e_step(self, order, children=slice(None)):
        """Choose the child of each row in `order`, of some children (49).

        Returns:
            (the chosen child, its match <α|I> - ||α||²/2, both in `order`, sums of the
            rows of each child, their counts).
        """
        mutations = self.mutations[:, children]
        branching = mutations.shape[1]
        penalties = np.einsum("kbe,kbe->kb", mutations, mutations) / 2
        sums, counts = np.zeros_like(mutations), np.zeros(mutations.shape[:2])
        chosen = np.empty(len(order), "int64")
        matches = np.empty(len(order), "float32")
        for block in batches(np.arange(len(order)), self.batch_size):
            rows, here = self.features[order[block]], np.arange(len(block))
            nodes, local = np.unique(self.parent[order[block]], return_inverse=True)
            filters = mutations[nodes].reshape(-1, self.features.shape[1])
            scores = (rows @ filters.T).reshape(len(rows), -1, branching)[here, local]
            scores -= penalties[nodes][local]  # (rows, |G|)
            best = scores.argmax(axis=1)
            chosen[block], matches[block] = best, scores[here, best]
            members = np.zeros((len(rows), len(filters)), "float32")
            members[here, branching * local + best] = 1
            sums[nodes] += (members.T @ rows).reshape(len(nodes), branching, -1)
            counts[nodes] += members.sum(axis=0).reshape(-1, branching)
        return chosen, matches, sums, counts

    def accumulate(self, statistics, sample_weight=None):
        """Keep what a sweep over the active rows found; nothing was there before."""
        now, self.matches, self.sums, self.counts = statistics
        # Nodes of which a row chose another child than before.
        self.moved = np.zeros(len(self.mutations), bool)
        self.moved[self.parent[self.active[now != self.chosen[self.active]]]] = True
        self.chosen[self.active] = now

    def reset_statistics(self):
        self.matches, self.sums, self.counts = None, None, None

    def m_step(self):
        """Put children at the means of their rows, an unused one at the worst row.

        Returns:
            Which nodes changed, (nodes,).
        """
        self._average(self.moved)
        squares = self.squares[self.active]
        distances = squares - 2 * self.matches
        # What rounding leaves of the distance of equal rows is none.
        distances[distances < 1e-5 * squares] = 0
        nodes, rows = _first_of_each(self.parent[self.active], -distances)
        unused = (self.counts[nodes] == 0).any(axis=1) & (distances[rows] > 0)
        nodes, rows = nodes[unused], rows[unused]
        child = self.counts[nodes].argmin(axis=1)
        self.mutations[nodes, child] = self.features[self.active[rows]]
        self.moved[nodes] = True
        moved = self.moved
        self.reset_statistics()
        return moved

    def _average(self, nodes):
        """Put the children of `nodes` at the means of their rows, or at 0."""
        counts = np.maximum(self.counts[nodes], 1)[..., None]
        self.mutations[nodes] = self.sums[nodes] / counts


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


def _first_of_each(groups, keys):
    """Return the groups that there are, and of each the place of its least key."""
    order = np.lexsort((keys, groups))
    present, first = np.unique(groups[order], return_index=True)
    return present, order[first]


def batches(rows, size):
    """Cut an array into parts of `size`; of an empty one there is none."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
