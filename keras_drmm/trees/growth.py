"""Hard EM of a level of an evolutionary tree: all of its nodes at once.

Rows are sorted by their node, `parent`, so that the rows of a node are a slice, which
one product of matrices matches with its children.
"""

import numpy as np
from scipy import sparse

from keras_drmm.em.contract import ExpectationMaximization

# Below the log-probability of anything, and finite: no NaN comes of it.
IMPOSSIBLE = -1e30


def join_labels(coordinates, variance, labels, num_classes, weight):
    """Return images with one-hot labels beside them, both less their means.

    Args:
        coordinates: of the images, float32 (N, K), less their means.
        variance: mean squared distance of the images from their mean.
        labels: integers (N,), -1 where unknown: the label is then at its mean.
        num_classes: |C|.
        weight: the variance of known labels relative to that of the images.

    Returns:
        float32 (N, K + |C|).
    """
    known = np.flatnonzero(labels >= 0)
    size = coordinates.shape[1]
    joined = np.zeros((len(coordinates), size + num_classes), "float32")
    joined[:, :size] = coordinates
    if len(known):
        one_hot = np.eye(num_classes)[labels[known]]
        one_hot -= one_hot.mean(axis=0)
        squares = np.square(one_hot).sum(axis=1).mean()
        # Labels of one class have no variance to scale.
        scale = np.sqrt(weight * variance / squares) if squares else 0
        joined[known, size:] = scale * one_hot
    return joined


class LevelGrowth(ExpectationMaximization):
    """Hard EM that shares out the images of each node among its children.

    Sweeps over images joined with labels never raise the sum of squared residuals. A
    last one shares out by the images alone, as inference does, and never raises theirs.

    Args:
        features: residuals from the template of the node, images before labels, (N, E).
        parent: the node of each row, (N,), ascending.
        shape: (nodes, children of a node).
        image_size: how many of the features are the image's.

    Attributes:
        mutations: α of each child, (*shape, E).
        counts: rows of each child, `shape`.
        chosen: the child of each row, (N,).
    """

    def __init__(self, features, parent, shape, image_size):
        self.features, self.parent, self.image_size = features, parent, image_size
        self.squares = np.einsum("ne,ne->n", features, features)
        self.mutations = np.zeros((*shape, features.shape[1]), "float32")
        self.chosen = np.full(len(features), -1)
        self.reset_statistics()

    def grow(self, epochs, random):
        """Run EM for at most so many sweeps; nodes where nothing changes stop."""
        self.initialize(random)
        # Rows of the nodes that still change.
        self.active = everything = np.arange(len(self.features))
        for _ in range(epochs):
            self.accumulate(self.e_step(self.active))
            moved = self.m_step()
            self.active = self.active[moved[self.parent[self.active]]]
            if not len(self.active):
                break
        self.mutations[..., self.image_size :] = 0
        self.active = everything
        self.accumulate(self.e_step(everything))
        # An unused child stays as its parent: a mutation of 0.
        self._average(np.ones(len(self.mutations), bool))

    def initialize(self, random):
        """Choose rows of each node as its children to start from, as k-means++ does.

        The first is any row, each further one is drawn with a probability as the
        squared distance to the nearest one so far.
        """
        distances = np.ones(len(self.features))
        for child in range(self.mutations.shape[1]):
            # Whoever comes first in a race at these speeds is such a draw.
            times = random.exponential(size=len(distances))
            times /= np.maximum(distances, 1e-30)
            nodes, rows = _first_of_each(self.parent, times)
            self.mutations[nodes, child] = self.features[rows]
            offsets = self.features - self.mutations[:, child][self.parent]
            new = np.einsum("ne,ne->n", offsets, offsets)
            distances = new if child == 0 else np.minimum(distances, new)

    def e_step(self, rows):
        """Choose the child of each of some rows, all of a node (49).

        Returns:
            (the chosen child, its match <α|I> - ||α||²/2, both of `rows`, sums of the
            rows of each child, their counts).
        """
        features, parent = self.features[rows], self.parent[rows]
        nodes, branching = self.mutations.shape[:2]
        scores = child_scores(features, parent, self.mutations)
        chosen = scores.argmax(axis=1)
        matches = scores[np.arange(len(rows)), chosen]
        child = branching * parent + chosen
        # A column for each row, with a 1 at its child.
        one_hot = sparse.csc_matrix(
            (np.ones(len(rows), "float32"), child, np.arange(len(rows) + 1)),
            shape=(nodes * branching, len(rows)),
        )
        sums = (one_hot @ features).reshape(self.mutations.shape)
        counts = np.bincount(child, minlength=nodes * branching)
        return chosen, matches, sums, counts.reshape(nodes, branching)

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


def child_scores(features, parent, templates):
    """Return <α|I> - ||α||²/2 of the children of each row's node, (N, |G|).

    Args:
        features: (N, E).
        parent: the node of each row, ascending.
        templates: α, (nodes, |G|, E).
    """
    scores = np.empty((len(features), templates.shape[1]), "float32")
    nodes, starts = np.unique(parent, return_index=True)
    stops = np.append(starts, len(parent))[1:]
    for node, start, stop in zip(nodes, starts, stops, strict=True):
        np.matmul(features[start:stop], templates[node].T, out=scores[start:stop])
    scores -= (np.einsum("kbe,kbe->kb", templates, templates) / 2)[parent]
    return scores


def find_leaves(features, templates, penalties, branching):
    """Return the leaf of each row by inference from the root (49), (N,).

    Args:
        features: images or their coordinates, (N, E).
        templates: μ of all nodes in the same space, level by level: [(nodes, E)], the
            root's level left out.
        penalties: σ² ln π of the same nodes, [(nodes,)].
        branching: children of a node.
    """
    node = np.zeros(len(features), "int64")
    for level, log_prior in zip(templates, penalties, strict=True):
        order = np.argsort(node, kind="stable")
        parent = node[order]
        children = level.reshape(-1, branching, level.shape[1])
        scores = child_scores(features[order], parent, children)
        scores += log_prior.reshape(-1, branching)[parent]
        node[order] = branching * parent + scores.argmax(axis=1)
    return node


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
    """Return the groups that there are, ascending, and of each where its least key is.

    Args:
        groups: integers (N,), ascending.
        keys: (N,).
    """
    present, starts = np.unique(groups, return_index=True)
    least = np.repeat(
        np.minimum.reduceat(keys, starts), np.diff(starts, append=len(keys))
    )
    places = np.flatnonzero(keys == least)
    return present, places[np.unique(groups[places], return_index=True)[1]]
