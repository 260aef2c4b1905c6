"""RMMTrainer: exact EM of a Rendering Mixture Model."""

import numpy as np
from keras import ops

from keras_drmm.em.em_trainer import EMTrainer, array
from keras_drmm.em.expectation import Expectation
from keras_drmm.em.rmm_initialization import initial_templates
from keras_drmm.em.rmm_statistics import RMMStatistics
from keras_drmm.models.rmm_hypotheses import clamp, join

# The least probability of a state: a class or nuisance without rows stays possible.
LEAST_PROBABILITY = 1e-6
# A template with fewer rows than this is moved to where it is of use.
LEAST_ROWS = 1e-5


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
        scores = clamp(joint, labels)
        evidence, shares = self.algorithm.posterior(join(scores))
        statistics = self.statistics.of_batch(
            flat,
            labels,
            ops.reshape(model.templates, (*scores.shape[1:3], model.num_pixels)),
            distances,
            evidence,
            ops.reshape(shares, (-1, *scores.shape[1:])),
        )
        return Expectation(ops.logsumexp(joint, axis=(2, 3)), evidence, statistics)

    def accumulate(self, statistics):
        self.statistics.update_state(statistics)

    def reset_statistics(self):
        self.statistics.forget()

    def m_step(self):
        """Move θ to its closed form; without a sweep it stays as it is."""
        model, sums = self.model, self.statistics.read()
        counts, rows = sums["counts"], sums["counts"].sum()
        if rows == 0:
            return
        on = counts[..., :1]
        used = on >= LEAST_ROWS
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
