"""RMMTrainer: exact EM of a Rendering Mixture Model."""

import numpy as np
from keras import ops

from keras_drmm.em.em_trainer import EMTrainer, Expectation
from keras_drmm.em.rmm_statistics import RMMStatistics
from keras_drmm.em.sweep_metric import array
from keras_drmm.models.rmm import clamp, join

# The least probability of a state: a class or nuisance without rows stays possible.
LEAST_PROBABILITY = 1e-6
# A template with fewer rows than this is moved to where it is of use. Where all rows
# together weigh less than 1, it is their share.
LEAST_ROWS = 1e-5
# Rows that initial templates are chosen from: so many tell what is near.
ROWS_PER_TEMPLATE = 20


class RMMTrainer(EMTrainer):
    r"""The E- and M-step of `HardEM` and `SoftEM` for an `RMM`.

    The E-step gives each hypothesis (c, g, a) its share γ of an image (12), (13). The
    M-step sets θ to the maximum of the expected ln p(I, c, g, a; θ) of a sweep:

    $$\mu_{cg} \mathrel{+}= S_{cg} / N_{cg1}, \qquad \sigma^2 = \frac{R -
    \sum_{cg} \|S_{cg}\|^2 / N_{cg1}}{N D}, \qquad \pi = \textrm{shares of } N$$

    in the sums of `RMMStatistics`, computed in float64. The algorithm's `step` is how
    much of the way parameters move there. σ² is at least the model's `variance_floor`.

    A template without rows moves to the row that its class explains worst, one of each
    class: it takes part in no row's evidence, so none falls.

    Source: Patel, Nguyen, Baraniuk (2016), equations (1), (12) and section 3.3.
    """

    def __init__(self, model, algorithm):
        super().__init__(model, algorithm)
        self.statistics = RMMStatistics(
            model.num_classes,
            model.num_nuisances,
            2 if model.switch else 1,
            model.num_pixels,
            name="sweep",
        )
        self.metrics = (self.statistics,)

    def initialize(self, images, labels, random):
        """Choose the templates among the images, by k-means++.

        Priors become uniform and σ² what the templates leave of the images. A labelled
        row can only be a template of its class, and decides the class of rows that are
        like it. Of many images some are chosen at random, labelled ones first.

        Args:
            images: (N, H, W, C).
            labels: integers (N,), -1 for an unlabelled row, or None.
            random: a `numpy.random.Generator`.
        """
        model = self.model
        templates, variance = initial_templates(
            images.reshape(len(images), -1),
            labels,
            model.num_classes,
            model.num_nuisances,
            random,
        )
        model.templates.assign(templates.reshape(model.templates.shape))
        model.noise_variance.assign(max(variance, model.variance_floor))
        for prior in (model.class_prior, model.nuisance_prior):
            prior.assign(np.full(prior.shape, 1 / prior.shape[0]))
        if model.switch:
            model.switch_prior.assign(0.5)
        self.reset_statistics()

    def e_step(self, images, labels, training=False):
        """Share each image among all hypotheses; returns an `Expectation`."""
        model = self.model
        flat = model.flatten(images)
        distances = model.distances(flat, labels)
        joint = model.log_joint(distances)
        evidence, shares = self.algorithm.posterior(join(clamp(joint, labels)))
        templates = ops.reshape(model.templates, (*joint.shape[1:3], model.num_pixels))
        shares = ops.reshape(shares, (-1, *joint.shape[1:]))
        batch = (flat, labels, templates, distances, evidence, shares)
        return Expectation(ops.logsumexp(joint, axis=(2, 3)), evidence, batch)

    def accumulate(self, statistics, sample_weight=None):
        self.statistics.update_state(statistics, sample_weight)

    def reset_statistics(self):
        self.statistics.forget()

    def learned_variables(self):
        return [self.model.templates] if self.model.trainable else []

    def m_step(self, logs=None):
        """Move θ to its closed form; without a sweep it stays as it is."""
        model, sums = self.model, self.statistics.read()
        counts, rows = sums["counts"], sums["counts"].sum()
        if rows == 0 or not model.trainable:
            return
        on = counts[..., :1]
        self.usage.add(counts.sum(axis=(1, 2)), {"the model": on.ravel()})
        used = on >= LEAST_ROWS * min(1, rows)
        shifts = np.where(used, sums["deviations"] / np.where(used, on, 1), 0)
        explained = np.sum(on * shifts**2)
        variance = (sums["squares"] - explained) / (rows * model.num_pixels)
        templates = ops.convert_to_numpy(model.templates).reshape(shifts.shape)
        templates = templates + self.algorithm.step * shifts
        unused = ~used[..., 0]
        classes = np.flatnonzero(unused.any(axis=1)).tolist()
        for c, row in self.statistics.find_rows(classes).items():
            templates[c, unused[c].argmax()] = row
        model.templates.assign(templates.reshape(model.templates.shape))
        self._step_to(model.noise_variance, max(variance, model.variance_floor))
        self._step_to(model.class_prior, _probabilities(counts.sum(axis=(1, 2))))
        self._step_to(model.nuisance_prior, _probabilities(counts.sum(axis=(0, 2))))
        if model.switch:
            on_or_off = _probabilities(counts.sum(axis=(0, 1)))
            self._step_to(model.switch_prior, on_or_off[0])
        self.reset_statistics()

    def _step_to(self, variable, value):
        """Move a variable the algorithm's share of the way to a value."""
        old = array(variable)
        variable.assign(old + self.algorithm.step * (value - old))


def _probabilities(counts):
    """Return the shares of counts, none below `LEAST_PROBABILITY`."""
    shares = np.maximum(counts / counts.sum(), LEAST_PROBABILITY)
    return shares / shares.sum()


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
