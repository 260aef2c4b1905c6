"""Templates to start EM from: k-means++ within each class."""

import numpy as np

# So many tell what is near and what is not.
ROWS_PER_TEMPLATE = 20


def initial_templates(images, labels, num_classes, num_nuisances, random):
    r"""Choose rows as templates, far from each other, and the noise around them.

    Within each class k-means++ draws the templates. An unlabelled row counts for the
    class of the nearest labelled row; for a class without labelled rows, k-means++
    draws a row that stands for one. Without any labelled row it draws all templates at
    once, and a class is a group of near ones.

    Args:
        images: (N, D). Of many some are drawn, labelled ones first.
        labels: integers (N,), -1 for an unlabelled row, or None.
        num_classes: |C|.
        num_nuisances: |G|.
        random: a `numpy.random.Generator`.

    Returns:
        (templates (|C|, |G|, D), mean square of a pixel around its nearest template).

    Source: Arthur and Vassilvitskii (2007) for k-means++.
    """
    labels = np.full(len(images), -1) if labels is None else labels.astype("int64")
    wanted = max(1000, ROWS_PER_TEMPLATE * num_classes * num_nuisances)
    order = random.permutation(len(images))
    order = order[np.argsort(labels[order] < 0, kind="stable")][:wanted]
    images, labels = images[order].astype("float32"), labels[order]
    if (labels < 0).all():
        drawn = _draw_exactly(images, images, num_classes * num_nuisances, random)
        templates = _group(drawn, num_nuisances)
    else:
        labels = _label_all(images, labels, num_classes, random)
        templates = np.stack(
            [
                _draw_exactly(images[labels == c], images, num_nuisances, random)
                for c in range(num_classes)
            ]
        )
    nearest = squared_distances(images, templates.reshape(-1, images.shape[1]))
    nearest = nearest.min(axis=1)
    # The templates are rows themselves and at distance 0.
    apart = nearest[nearest > 0]
    return templates, apart.mean() / images.shape[1] if len(apart) else 0.0


def k_means_plus_plus(rows, count, random, chosen=None):
    """Draw rows with a probability as the squared distance to the nearest chosen one.

    Of a few rows drawn so, each time, the one is kept that leaves the least distances.

    Args:
        rows: (N, D).
        count: how many to draw.
        random: a `numpy.random.Generator`.
        chosen: rows (M, D) that are chosen before, or None.

    Returns:
        Indices of the rows drawn: fewer than `count` where no more rows differ from
        those chosen.
    """
    indices: list[int] = []
    if count and len(rows) and not (chosen is not None and len(chosen)):
        indices.append(int(random.integers(len(rows))))
        chosen = rows[indices]
    if len(indices) == count or not len(rows):
        return np.array(indices, "int64")
    distances = squared_distances(rows, chosen).min(axis=1)
    trials = 2 + int(np.log(count))
    while len(indices) < count and distances.any():
        drawn = random.choice(len(rows), trials, p=distances / distances.sum())
        left = np.minimum(distances[:, None], squared_distances(rows, rows[drawn]))
        best = left.sum(axis=0).argmin()
        indices.append(int(drawn[best]))
        distances = left[:, best]
    return np.array(indices, "int64")


def squared_distances(rows, others):
    """Return ||row - other||², (N, M), exactly 0 for equal rows."""
    ours, theirs = (np.einsum("nd,nd->n", v, v) for v in (rows, others))
    squares = ours[:, None] + theirs
    distances = squares - 2 * rows @ others.T
    # What rounding leaves of the distance of equal rows.
    return np.where(distances > 1e-6 * squares, distances, 0)


def _label_all(images, labels, num_classes, random):
    """Give unlabelled rows the class of the nearest labelled or stand-in row."""
    labelled = labels >= 0
    missing = np.setdiff1d(np.arange(num_classes), labels[labelled])
    drawn = k_means_plus_plus(images, len(missing), random, images[labelled])
    anchors = np.concatenate([images[labelled], images[drawn]])
    classes = np.concatenate([labels[labelled], missing[: len(drawn)]])
    nearest = squared_distances(images, anchors).argmin(axis=1)
    return np.where(labelled, labels, classes[nearest])


def _draw_exactly(members, images, count, random):
    """Draw `count` templates from the rows of a class, or where these are too few.

    A class of too few different rows borrows from all images.
    """
    chosen = members[k_means_plus_plus(members, count, random)]
    borrowed = k_means_plus_plus(images, count - len(chosen), random, chosen)
    chosen = np.concatenate([chosen, images[borrowed]])
    again = random.integers(len(images), size=count - len(chosen))
    return np.concatenate([chosen, images[again]])


def _group(templates, size):
    """Group rows with their nearest ones, (M, D) -> (M / size, size, D)."""
    distances, left = squared_distances(templates, templates), np.arange(len(templates))
    groups = []
    while len(left):
        nearest = left[np.argsort(distances[left[0], left], kind="stable")[:size]]
        groups.append(templates[nearest])
        left = np.setdiff1d(left, nearest)
    return np.stack(groups)
