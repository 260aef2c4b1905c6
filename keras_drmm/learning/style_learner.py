"""StyleLearner: a switch prior that learns from a model's E-steps."""

import itertools
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_drmm.layers.augmentation import augment
from keras_drmm.layers.weighting import weighted_mean
from keras_drmm.learning.warmup import Warmup
from keras_drmm.models.learner import Learner
from keras_drmm.models.learns_part import without
from keras_drmm.models.rates import follow_fit
from keras_drmm.models.trainer import Trainer

# The longest warm-up of the KL term. With its whole weight from the first step on, some
# seeds teach the encoder to say nothing of the style, and never find out of it.
WARMUP_STEPS = 300


class StyleLearner(Learner):
    r"""Learns a `SwitchPrior` and its `StyleEncoder`; the model's weights stay.

    Given the model's hard assignments (ĉ, ĝ), a step is a gradient step on

    $$\frac{1}{\beta} E_{q(u \mid I, \hat c)} \sum_\ell \ln p(\hat g^{(\ell)} \mid u) -
    \mathrm{KL}(q \,\|\, \mathcal{N}(m_{\hat c}, 1))$$

    which for β = 1 is a lower bound of ln p(ĝ | ĉ). `StyleTrainer` has both terms. The
    second one rises to its weight over the first steps (Bowman et al., 2016).

    Args:
        model: a trained `DRMM`.
        switch_prior: the `SwitchPrior` that learns, built.
        encoder: the `StyleEncoder` that learns, built.
    """

    def __init__(self, model, switch_prior, encoder):
        super().__init__(dtype=model.dtype_policy, name="style_learner")
        self.model, self.switch_prior, self.encoder = model, switch_prior, encoder
        self.image_shape, self.pixel_range = model.image_shape, model.pixel_range
        self.num_classes = model.num_classes
        self.centres = self.add_weight(
            name="centres",
            shape=(model.num_classes, encoder.style_size),
            initializer="zeros",
            dtype="float32",
        )
        self.steps = self.add_weight(
            name="steps", shape=(), dtype="int", initializer="zeros", trainable=False
        )
        self.built = True

    def compile(self, optimizer, beta):
        """Configure learning.

        Args:
            optimizer: a Keras optimizer.
            beta: β.
        """
        self._compile(StyleTrainer(self, beta), optimizer, (), "auto", {})

    def _learned(self, variables):
        parts = (self.switch_prior, self.encoder)
        own = [self.centres, self.steps, *(v for part in parts for v in part.weights)]
        return without(variables, without(variables, own))

    def classify(self, images, training=False):
        """Return the model's logits."""
        return self.model.classify(images)

    def infer_style(self, images, labels, render_divisor=0):
        """Return the model's E-step, one-hot classes, and μ and ln v of q(u | I, c)."""
        e_step = self.model.e_step(images, labels, render_divisor=render_divisor)
        classes = self.model.one_hot(e_step.classes)
        return e_step, classes, *self.encoder(e_step.messages[1], classes)

    def encode(self, x, y=None, batch_size=None, steps=None):
        """Return μ and v of q(u | I, c), c and a factor model's ẑ^(L+1), of all rows.

        Args:
            x: images, or a data set.
            y: labels of images, or None.
            batch_size: of images.
            steps: batches to read of a data set, None for all.

        Returns:
            NumPy arrays, three, or four of a factor model.
        """
        parts = []
        # A factor model infers its factors where it renders.
        has_factors = self.switch_prior.factors is not None
        for batch in _batches(x, y, batch_size, steps):
            images, labels, _ = keras.utils.unpack_x_y_sample_weight(batch)
            images = ops.convert_to_tensor(images, self.compute_dtype)
            if labels is not None:
                labels = ops.convert_to_tensor(labels)
            e_step, _, mean, log_variance = self.infer_style(
                images, labels, render_divisor=int(has_factors)
            )
            found = [mean, ops.exp(log_variance), e_step.classes]
            if has_factors:
                found.append(e_step.factors)
            parts.append([ops.convert_to_numpy(v) for v in found])
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def check_data(self, x, y=None, learning=False):
        return self.model.check_data(x, y)


class StyledEStep(NamedTuple):
    """What an E-step infers, and what a style that is drawn from q says of it.

    Attributes:
        logits: (B, num_classes), of the model.
        switches: ĝ^(1..L), int8, of the model.
        classes: (B, num_classes), one-hot, the label or ĉ.
        mean: μ of q(u | I, ĉ), (B, d).
        log_variance: ln v of q(u | I, ĉ), (B, d).
        log_odds: of every switch given u.
    """

    logits: Any
    switches: list
    classes: Any
    mean: Any
    log_variance: Any
    log_odds: list


class StyleTrainer(Trainer):
    """A step of `StyleLearner`.

    Args:
        learner: the `StyleLearner`.
        beta: β.
    """

    shares_batches = True

    def __init__(self, learner, beta):
        super().__init__(learner)
        self.weights = {"switches": 1 / beta, "style_kl": 1.0}
        self._noise = keras.layers.GaussianNoise(
            1.0, dtype="float32", name="style_noise"
        )
        self.layers = (self._noise,)
        self.given = learner.model.weights
        self._warmup = Warmup()

    def e_step(self, images, labels, training):
        """Infer class, switches and style, and draw a style from q."""
        learner = self.model
        found, classes, mean, log_variance = learner.infer_style(images, labels)
        noise = self._draw(ops.zeros_like(mean), training)
        style = mean + ops.exp(log_variance / 2) * noise
        independent = learner.model.independent_log_odds()
        return StyledEStep(
            logits=found.logits,
            switches=found.switches,
            classes=ops.cast(classes, "float32"),
            mean=mean,
            log_variance=log_variance,
            log_odds=learner.switch_prior(style, independent),
        )

    def prepare(self, rows, steps, initial_epoch, epochs):
        """Let the learning rate fall to 0 over this `fit`, and the KL term rise."""
        steps = follow_fit(self.model, steps, initial_epoch, epochs, rises=True)
        self._warmup.follow(epochs * steps, WARMUP_STEPS)

    @property
    def fit_variables(self):
        return [self._warmup.steps, *super().fit_variables]

    def ramp(self, name):
        return self._warmup.share(self.model.steps) if name == "style_kl" else 1.0

    def end_step(self, one):
        self.model.steps.assign_add(ops.cast(one, self.model.steps.dtype))

    def objective(self, e_step, labels, sample_weight, training):
        """Return -E ln p(ĝ | u) and KL(q || N(m_ĉ, 1)), means over rows in nats."""
        if sample_weight is not None:
            raise ValueError(
                "`fit_prior` takes no sample weights, which the closed form of the "
                "styles knows nothing of, got a data set of (images, labels, weights) "
                "batches. Leave the weights out."
            )
        learner = self.model
        log_p = learner.switch_prior.log_prob(e_step.switches, e_step.log_odds)
        centres = ops.matmul(e_step.classes, ops.convert_to_tensor(learner.centres))
        log_variance = e_step.log_variance
        squares = ops.square(e_step.mean - centres) + ops.exp(log_variance)
        divergence = 0.5 * ops.sum(squares - 1 - log_variance, axis=-1)
        return {
            "switches": weighted_mean(-log_p),
            "style_kl": weighted_mean(divergence),
        }

    def _draw(self, like, training):
        """Return draws from N(0, 1), the same ones in each batch of a test."""
        return augment(self._noise, like, training)


def _batches(x, y, batch_size, steps):
    """Return the batches of images, or the first ones of a data set."""
    if hasattr(x, "shape"):
        starts = range(0, len(x), batch_size)
        rows = [slice(start, start + batch_size) for start in starts]
        return [(x[r], None if y is None else y[r]) for r in rows]
    if isinstance(x, keras.utils.PyDataset):
        return (x[index] for index in range(steps or x.num_batches))
    return itertools.islice(x, steps)
