"""RMM: the (shallow) Rendering Mixture Model."""

import math
import warnings

import keras
import numpy as np
from keras import ops

from keras_drmm.layers import replicas
from keras_drmm.layers.arguments import (
    check_model,
    describe,
    standardize_boolean,
    standardize_classes,
    standardize_integer,
    standardize_integers,
    standardize_number,
)
from keras_drmm.layers.deprecation import renamed_arguments, reordered_arguments
from keras_drmm.models.e_step import EStep
from keras_drmm.models.natural_parameters import NaturalParameters
from keras_drmm.models.rendering_model import RenderingModel
from keras_drmm.models.sampling import draw_classes, with_noise

# Below the log-probability of anything, and finite: no NaN comes of it.
_IMPOSSIBLE = -1e30


@reordered_arguments("num_classes", "num_nuisances", "input_shape")
@keras.saving.register_keras_serializable(package="keras_drmm")
class RMM(RenderingModel):
    r"""The Rendering Mixture Model: a template for each class and nuisance.

    $$c \sim \mathrm{Cat}(\pi_c), \quad g \sim \mathrm{Cat}(\pi_g), \quad a \sim
    \mathrm{Bern}(\pi_a), \quad I \sim \mathcal{N}(a \mu_{cg}, \sigma^2 1)$$

    It is shallow enough to sum over all (c, g, a): its likelihood is exact, and EM has
    closed forms. `compile(algorithm=SoftEM())` or `HardEM()` learns with any share of
    the rows labelled, none included; a labelled row has the class of its label. `EG`
    or a Keras loss learns the templates alone, by gradients.

    Args:
        input_shape: (H, W, C) of an image or patch.
        num_classes: |C|, at least 2.
        num_nuisances: |G|, the templates of a class.
        switch: whether a template may be OFF; False for a = 1.
        variance_floor: the least σ² that the M-step sets, in squared pixel values.
        pixel_range: (lowest, highest) value of a pixel. Images outside are refused.
        **kwargs: `name`, `dtype` of `keras.Model`. It computes in float32.

    Attributes:
        templates: μ, (num_classes, num_nuisances, H, W, C).
        class_prior, nuisance_prior, switch_prior: π_c, π_g and π_a, the probability
            of ON.
        noise_variance: σ².

    Shapes:
        `call`: images (B, H, W, C) -> logits (B, num_classes), ln p(c, I) but for what
        the classes have in common.

    Raises:
        ValueError: an argument is out of range; images or labels are not what the
            model takes.

    Example:

    >>> model = RMM((4, 4, 1), num_classes=3, num_nuisances=2)
    >>> model.compile(algorithm=SoftEM())
    >>> images, labels = np.random.rand(50, 4, 4, 1), np.arange(50) % 4 - 1
    >>> history = model.fit(images, labels, epochs=3, verbose=0)
    >>> model.log_prob(images).shape
    (50,)

    Source: Patel, Nguyen, Baraniuk (2016), section 3.1, equations (1)-(4), (12), (13).
    """

    def __init__(
        self,
        input_shape,
        num_classes,
        num_nuisances,
        switch=True,
        variance_floor=1e-4,
        pixel_range=(0.0, 1.0),
        **kwargs,
    ):
        # Whatever the policy: half precision has too few digits for a small σ².
        given = keras.dtype_policies.get(kwargs.get("dtype") or "float32").name
        if given != "float32":
            warnings.warn(
                f"`dtype` {given!r} has no effect: an RMM computes in float32.",
                stacklevel=2,
            )
        super().__init__(input_shape, pixel_range, **{**kwargs, "dtype": "float32"})
        self.num_classes = standardize_integer(num_classes, "num_classes", minimum=2)
        self.num_nuisances = standardize_integer(num_nuisances, "num_nuisances")
        self.num_pixels = math.prod(self.image_shape)
        self.switch = switch = standardize_boolean(switch, "switch")
        self.variance_floor = standardize_number(
            variance_floor, "variance_floor", above=0
        )
        components = (self.num_classes, self.num_nuisances)
        self.templates = self.add_weight(
            name="templates",
            shape=(*components, *self.image_shape),
            dtype="float32",
            initializer=keras.initializers.RandomUniform(*self.pixel_range),
        )
        self.class_prior = self._add_state("class_prior", components[:1])
        self.nuisance_prior = self._add_state("nuisance_prior", components[1:])
        if switch:
            self.switch_prior = self._add_state("switch_prior", (), 0.5)
        self.noise_variance = self._add_state("noise_variance", (), 1.0)
        self._add_progress()
        self.built = True

    _image_dtype = "float32"

    def classify(self, images, training=False):
        """Return ln p(c, I), but for what the classes have in common, (B, |C|).

        The marginal over g and a of (3): Σ exp instead of max.
        """
        scores = self._explained(self.flatten(images)) / self.noise_variance
        return ops.logsumexp(scores + self._log_prior(), axis=(2, 3))

    @renamed_arguments(rows_per_render="render_divisor")
    def e_step(self, images, labels=None, training=False, render_divisor=1):
        """Infer the most probable (ĉ, ĝ, â) (2) and what they render, on tensors.

        Args:
            images: (B, H, W, C).
            labels: integers (B,), -1 for an unlabelled row, or None.
            training: has no effect.
            render_divisor: n renders only the first ceil(B / n) rows. 0 renders none.

        Returns:
            An `EStep` of tensors; see `infer`.
        """
        render_divisor = standardize_integer(
            render_divisor, "render_divisor", minimum=0
        )
        flat = self.flatten(images)
        scores = clamp(self.log_joint(self.distances(flat, labels)), labels)
        best = ops.argmax(join(scores), axis=-1)
        states = scores.shape[-1]
        classes = best // (states * self.num_nuisances)
        nuisances = best // states % self.num_nuisances
        # State 0 is ON.
        switches = ops.where(best % states == 0, nuisances, -1)
        rendered = []
        if render_divisor:
            rows = replicas.first_rows(ops.shape(images)[0], render_divisor)
            rendered = [self._render(classes[:rows], switches[:rows])]
        return EStep(
            logits=self.classify(images),
            classes=classes,
            switches=[switches],
            messages=[images],
            rendered=rendered,
            reconstruction=rendered[0] if rendered else None,
        )

    def responsibilities(self, x, y=None, hard=False, batch_size=100):
        r"""Return the responsibilities γ_ncga = p(c, g, a|I_n), exactly (12).

        Args:
            x: images (N, H, W, C), floats in `pixel_range`.
            y: labels; a labelled row has 0 for the other classes.
            hard: whether to return 1 for the most probable (c, g, a), the first of
                equal ones, and 0 for all others: with uniform priors and without OFF
                this is (13), the limit of σ -> 0.
            batch_size: images at a time.

        Returns:
            (N, num_classes, num_nuisances, 2), ON before OFF, or (.., 1) without a
            switch: NumPy, in float32.
        """
        hard = standardize_boolean(hard, "hard")

        def share(scores):
            flat = join(scores)
            if hard:
                shares = ops.one_hot(ops.argmax(flat, axis=-1), flat.shape[-1])
            else:
                shares = ops.softmax(flat, axis=-1)
            return ops.reshape(shares, (-1, *scores.shape[1:]))

        return self._of_scores(share, x, y, batch_size)

    def log_prob(self, x, y=None, batch_size=100):
        """Return ln p(I), or ln p(I, c) of labelled rows, exactly, in nats, (N,)."""
        return self._of_scores(
            lambda scores: ops.logsumexp(scores, axis=(1, 2, 3)), x, y, batch_size
        )

    def max_sum_score(self, x, y=None, batch_size=100):
        """Return max ln p(I, c, g, a) of (2), in nats, (N,): no likelihood."""
        return self._of_scores(
            lambda scores: ops.max(scores, axis=(1, 2, 3)), x, y, batch_size
        )

    def render(self, classes, switches):
        """Render images of chosen classes with chosen nuisances (1), without noise.

        Args:
            classes: integers (B,).
            switches: a list of one array (B,), g or -1 for OFF, as `infer` returns.

        Returns:
            a μ_cg, images (B, H, W, C), a NumPy array.

        Raises:
            ValueError: a class or nuisance is out of range.
        """
        if not isinstance(switches, list | tuple) or len(switches) != 1:
            raise ValueError(
                "`switches` must be a list of one array (batch,), g or -1 for OFF, got "
                f"{describe(switches)}. Take those that `infer` returns."
            )
        rows = np.size(classes)
        classes = standardize_classes(classes, rows, self.num_classes)
        nuisances = standardize_integers(
            switches[0],
            "switches[0]",
            (rows,),
            -1 if self.switch else 0,
            self.num_nuisances - 1,
            "-1 is OFF, of a model with a switch. Take those that `infer` returns.",
        )
        images = self._render(*map(ops.convert_to_tensor, (classes, nuisances)))
        return ops.convert_to_numpy(images)

    def _sample(self, n, classes, random, noise):
        classes = draw_classes(n, classes, self.class_prior, random)
        nuisances = draw_classes(n, None, self.nuisance_prior, random)
        if self.switch:
            on = random.random(n) < float(ops.convert_to_numpy(self.switch_prior))
            nuisances = np.where(on, nuisances, -1)
        images = self.render(classes, [nuisances])
        if noise:
            images = with_noise(images, self.noise_variance, random)
        return images, classes

    def natural_parameters(self):
        """Return the `NaturalParameters` η(θ) of (3), (4), as NumPy arrays."""
        on = ops.convert_to_numpy(self.switch_prior) if self.switch else None
        templates = ops.convert_to_numpy(self.templates)
        variance = ops.convert_to_numpy(self.noise_variance)
        return NaturalParameters.of(templates, variance, on)

    def assign_natural_parameters(self, natural):
        """Set μ, σ² and π_a to those of `NaturalParameters`.

        Raises:
            ValueError: they break the generative constraints, or have a switch where
                the model has none.
        """
        check_model(natural, "natural", NaturalParameters)
        templates, variance, on = natural.moments()
        if templates.shape != tuple(self.templates.shape):
            raise ValueError(
                f"`natural` must have weights of shape {tuple(self.templates.shape)}, "
                f"those of the model's templates, got {templates.shape}."
            )
        if (on is not None) != self.switch:
            raise ValueError(
                f"`switch_bias` is {natural.switch_bias} and the model has "
                f"switch={self.switch}: give a switch bias if and only if it has one."
            )
        self.templates.assign(templates)
        self.noise_variance.assign(variance)
        if self.switch:
            self.switch_prior.assign(on)
        self.mark_initialized()

    def to_level(self, pool_size=1):
        """Return the `Level` of a convnet that the model is of patches; see there."""
        from keras_drmm.convert import to_level

        return to_level(self, pool_size)

    def to_maxout(self, image_shape=None):
        """Return the MaxOut network that the model is of patches; see there."""
        from keras_drmm.convert import to_maxout

        return to_maxout(self, image_shape)

    def count_free_parameters(self):
        """Return D |C| |G|, the templates, which are what the paper counts."""
        return self.num_classes * self.num_nuisances * self.num_pixels

    def get_config(self):
        return {
            **super().get_config(),
            "num_nuisances": self.num_nuisances,
            "switch": self.switch,
            "variance_floor": self.variance_floor,
        }

    def flatten(self, images):
        """(B, H, W, C) -> (B, D), in float32."""
        return ops.reshape(ops.cast(images, "float32"), (-1, self.num_pixels))

    def _explained(self, images):
        """Return (||I||² - ||I - a μ||²) / 2, but for what the hypotheses share.

        (B, D) -> (B, |C|, |G|, 2), ON before OFF, or (.., 1) without a switch. Measured
        from the mean template and not from 0, where float32 has more digits.
        """
        means = ops.reshape(self.templates, (-1, self.num_pixels))
        centre = ops.mean(means, axis=0)
        if self.switch:
            means = ops.concatenate([means, ops.zeros((1, self.num_pixels))])
        means = means - centre
        explained = ops.matmul(images - centre, ops.transpose(means))
        explained = explained - ops.sum(ops.square(means), axis=-1) / 2
        components = self.num_classes * self.num_nuisances
        on = ops.reshape(
            explained[:, :components], (-1, self.num_classes, self.num_nuisances, 1)
        )
        if not self.switch:
            return on
        off = ops.reshape(explained[:, -1], (-1, 1, 1, 1))
        return ops.concatenate([on, off + ops.zeros_like(on)], axis=-1)

    def distances(self, images, labels):
        """Return ||I - a μ||², (B, D) -> (B, |C|, |G|, 1 or 2).

        The least that the labels allow is summed from the pixels' differences and the
        others are relative to it: float32 would lose a small σ² in the difference of
        two large squares.
        """
        explained = self._explained(images)
        allowed = join(clamp(explained, labels))
        best, states = ops.argmax(allowed, axis=-1), explained.shape[-1]
        templates = ops.reshape(self.templates, (-1, self.num_pixels))
        nearest = ops.take(templates, best // states, axis=0)
        on = ops.cast(best % states == 0, "float32")
        least = ops.sum(ops.square(images - on[:, None] * nearest), axis=-1)
        most = ops.max(allowed, axis=-1)
        least, most = (ops.reshape(v, (-1, 1, 1, 1)) for v in (least, most))
        return least + 2 * (most - explained)

    def log_joint(self, distances):
        """Return ln p(I, c, g, a) in nats, of the shape of `distances`."""
        normaliser = self.num_pixels * ops.log(2 * math.pi * self.noise_variance)
        likelihood = -(distances / self.noise_variance + normaliser) / 2
        return likelihood + self._log_prior()

    def _log_prior(self):
        """Return ln π_c π_g π_a, (|C|, |G|, 1 or 2)."""
        prior = ops.log(self.class_prior)[:, None] + ops.log(self.nuisance_prior)
        if not self.switch:
            return prior[..., None]
        states = [ops.log(self.switch_prior), ops.log1p(-self.switch_prior)]
        return prior[..., None] + ops.stack(states)

    def _render(self, classes, switches):
        """Return a μ_cg, (B, H, W, C), of classes and g or -1 for OFF, on tensors."""
        templates = ops.reshape(self.templates, (-1, *self.image_shape))
        nuisances = ops.maximum(switches, 0)
        chosen = ops.take(templates, classes * self.num_nuisances + nuisances, axis=0)
        on = ops.cast(switches >= 0, chosen.dtype)
        return ops.reshape(on, (-1, 1, 1, 1)) * chosen

    def _of_scores(self, function, x, y, batch_size):
        """Join what `function` of ln p(I, c, g, a) returns for parts of the rows."""

        def run(images, labels):
            flat = self.flatten(ops.convert_to_tensor(images))
            scores = clamp(self.log_joint(self.distances(flat, labels)), labels)
            return ops.convert_to_numpy(function(scores))

        return self._batched(run, x, batch_size, y)


def join(scores):
    """List the hypotheses in one axis, (B, |C|, |G|, s) -> (B, |C| |G| s)."""
    return ops.reshape(scores, (-1, math.prod(scores.shape[1:])))


def clamp(scores, labels):
    """Make the classes that a label excludes impossible.

    Args:
        scores: (B, |C|, |G|, s).
        labels: integers (B,) or (B, 1), -1 for an unlabelled row, or None.
    """
    if labels is None:
        return scores
    labels = ops.reshape(ops.cast(labels, "int32"), (-1, 1, 1, 1))
    classes = ops.reshape(ops.arange(scores.shape[1], dtype="int32"), (1, -1, 1, 1))
    possible = ops.logical_or(labels < 0, labels == classes)
    return ops.where(possible, scores, _IMPOSSIBLE)
