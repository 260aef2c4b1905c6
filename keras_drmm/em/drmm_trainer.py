"""LearnsByEM: the closed forms of a DRMM, for hard and soft EM."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_drmm.em.drmm_initialization import initial_templates
from keras_drmm.em.drmm_statistics import DRMMSweep
from keras_drmm.em.expectation import Expectation
from keras_drmm.em.kept_level import KeptLevel, split_unused
from keras_drmm.em.switching import HardSwitching, SoftSwitching
from keras_drmm.models.e_step import EStep
from keras_drmm.models.rendering_model import RenderingModel
from keras_drmm.models.sampling import numpy_generator

# Of the penalty on templates, relative to the mean of their Gram matrix' diagonal.
RIDGE = 1e-4
# A step is halved this often before a model is taken to have converged.
LEAST_STEP = 2.0**-6
# The objective of some batches may be so much larger than that of the batches before.
NOISE = 1.5


class LearnsByEM(RenderingModel):
    r"""The E- and M-step of `HardEM` and `SoftEM` for a DRMM (Algorithm 1).

    The E-step infers (ĉ, ĝ), or ĉ and probabilities q of each level's nuisances, and
    renders them. The objective is the expected squared error of the image given the
    finest level's input. The M-step fits each level's templates by least squares to
    what their weights should render:

    $$\Delta\Gamma^{(\ell)} = \eta_\ell \Big(\sum E \varphi \varphi^T + \lambda 1
    \Big)^{-1} \sum E\varphi\, \epsilon^{(\ell-1)\,T}, \qquad \epsilon^{(0)} = I - \hat
    I, \quad \epsilon^{(\ell)} = \Lambda_{\hat g}^{(\ell)\,T} \epsilon^{(\ell-1)}$$

    At level 1 this is the least-squares solution itself. Where the Λ below are
    orthonormal, which the paper's E-step assumes (constant ||μ_cg||), the error
    projected back is $I^{(\ell)} - \Lambda_{\hat g}^{(\ell+1)} \hat z^{(\ell+1)}$, and
    so this is the paper's GLS at every level. Where they are not, it is still a
    direction in which the error falls, as the moments are its gradient, and η is about
    the step along ε^(ℓ) in which it falls furthest.

    All levels move at once, and the E-step maximises <μ_cg, I>, not the error. So a
    sweep may be worse than the one before: its M-step is then taken back and repeated
    with half of the step. The objective of the weights that are kept never rises. With
    `batches_per_m_step` other batches have another error: it may be half as large again
    before an M-step is taken back.

    After each M-step templates are scaled to unit norm, and what renders through them
    by the inverse: the images stay as they are.

    Source: Patel, Nguyen, Baraniuk (2016), Algorithm 1, section 3.3.
    """

    # The best weights that a `fit` by EM has measured, `_Kept`.
    _kept: Any = None

    @property
    def initialized(self):
        """Whether the model has learned already, or `initialize` was called."""
        return int(ops.convert_to_numpy(self.steps)) > 0

    def initialize(self, x, y=None, seed=None):
        """Choose what to start from: class templates from the data, unit templates.

        Args:
            x: images (N, H, W, C), floats in `pixel_range`; some are drawn.
            y: integer labels (N,), -1 for an unlabelled row, or None. A class starts as
                the mean of its labelled rows, or else as a row.
            seed: an integer; None goes on with `keras.utils.set_random_seed`'s.
        """
        self._check(x, y)
        random = numpy_generator(seed)
        images = np.asarray(x)
        labels = np.full(len(x), -1) if y is None else ops.convert_to_numpy(y).ravel()
        templates, rows = initial_templates(self, images, labels, random)
        top = self._top()
        top[:, : self.num_classes] = templates
        self._assign_top(top, 1.0)
        self._scale_to(images[rows[:100]], labels[rows[:100]])
        self.steps.assign(1)

    def compile(self, *args, **kwargs):
        """Configure learning; see `RenderingModel.compile`.

        Raises:
            ValueError: as there, or a level normalises or its data come channels_first,
                which EM has no closed form for.
        """
        super().compile(*args, **kwargs)
        self._sweep: Any = None
        if self.closed_form:
            hard = self.algorithm.is_hard
            self._switching: Any = (
                HardSwitching() if hard else SoftSwitching(self.algorithm.posterior)
            )
            self._sweep = DRMMSweep(self, soft=not hard)

    def fit(self, *args, **kwargs):
        """Learn; see `RenderingModel.fit`.

        EM compares sweeps over the same data: each call starts to compare anew. After
        more than one whole sweep the weights are those that the last log describes, as
        an M-step after them would not be measured any more.
        """
        self._kept = None
        self._step, self._falls = getattr(self.algorithm, "step", 1.0), 0
        history = super().fit(*args, **kwargs)
        if self._kept and len(history.epoch) > 1 and not self._within_sweeps:
            self._move(0.0)
        return history

    def _check_algorithm(self, algorithm):
        super()._check_algorithm(algorithm)
        if not getattr(algorithm, "closed_form", False):
            return
        for level in self.levels:
            if level.top_down_batch_norm is not None or level.batch_norm is not None:
                raise ValueError(
                    f"Level `{level.name}` has batch normalisation, for which there is "
                    "no closed form: build levels with batch_norm=False."
                )
            if level.data_format != "channels_last":
                raise ValueError("EM takes channels_last levels.")
        # A model that does not clip has signs or factors to infer.
        if not algorithm.is_hard and not self._clips:
            raise ValueError(
                "Soft EM shares out switches alone: a signed model has signs and a "
                f"factor model factors besides. Learn {type(self).__name__} by "
                "`HardEM()`."
            )

    @property
    def metrics(self):
        sweep = getattr(self, "_sweep", None)
        return super().metrics + (sweep.metrics if sweep else [])

    def expect(self, images, labels, posterior):
        """Run the E-step of EM on a batch, on tensors.

        Args:
            images: (B, H, W, C).
            labels: integers (B,), -1 for an unlabelled row, or None.
            posterior: of the algorithm, which `compile` has seen already.

        Returns:
            An `Expectation`.
        """
        if self._switching.is_soft:
            e_step = self._soft_e_step(images, labels)
        else:
            e_step = self.e_step(images, labels)
        error = ops.cast(images, "float32") - ops.cast(e_step.reconstruction, "float32")
        squares = ops.sum(ops.square(error), axis=(1, 2, 3))
        squares += self._switching.variance(
            self.levels[0],
            self._entering(e_step.rendered[1]),
            e_step.switches[0],
            self.image_shape[:2],
        )
        # In squared pixel values: σ² is the mean of it, and not among what is fitted.
        evidence = -squares / np.prod(self.image_shape)
        return Expectation(e_step.logits, evidence, (e_step, error, evidence))

    def accumulate(self, statistics):
        """Add a batch's statistics to those of the sweep."""
        (e_step, error, evidence), switching = statistics, self._switching
        self._sweep.error.update_state(
            ops.stack([-ops.sum(evidence), ops.cast(ops.shape(error)[0], "float32")])
        )
        gains = []
        rows_per_gram = self.algorithm.rows_per_gram
        for l, level in enumerate(self.levels):
            switches, z = e_step.switches[l], self._entering(e_step.rendered[l + 1])
            rows = -(-ops.shape(z)[0] // rows_per_gram)
            self._sweep.levels[l].update_state(
                switching.unpool(level, z, switches),
                error,
                switching.covariance(z[:rows], switches[:rows]),
                rows_per_gram,
            )
            error = switching.adjoint(level, error, switches)
            if self._clips:
                # Behind the ReLU a negative z moves nothing.
                error = ops.where(z > 0, error, 0)
            some = error[:rows]
            moved = level.conv.render(switching.unpool(level, some, switches[:rows]))
            gains.append([ops.sum(ops.square(some)), ops.sum(ops.square(moved))])
            self._sweep.switches[l].update_state(
                switching.count(self.nuisance_priors[l], switches)
            )
        self._sweep.gains.update_state(ops.stack([ops.stack(v) for v in gains]))
        causes = self._causes(e_step)
        self._sweep.causes.update_state(ops.matmul(ops.transpose(causes), causes))
        for total, values in (
            (self._sweep.top, error),
            (self._sweep.messages, e_step.messages[-1]),
        ):
            if self.templates.pooling == "mean":
                values = ops.mean(values, axis=(1, 2))
            values = ops.reshape(values, (-1, total.total.shape[0]))
            total.update_state(ops.matmul(ops.transpose(values), causes))

    def reset_statistics(self):
        """Forget the statistics of the sweep."""
        self._sweep.forget()

    def m_step(self):
        """Fit templates and priors to the sweep, or take the last step back.

        Returns:
            What to log of the weights that are kept: objective and size of the step;
            None within a sweep.
        """
        total, rows = _array(self._sweep.error.total)
        objective = total / rows
        allowed = NOISE if self._within_sweeps else 1.0
        if self._kept is not None and objective > allowed * self._kept.objective:
            self._step, self._falls = self._step / 2, 0
        else:
            self._keep(objective)
            self._falls += 1
            # Longer steps only after some success: each one that fails costs a sweep.
            if self._falls > 2 and not self._within_sweeps:
                self._step = min(1.0, 2 * self._step)
        if self._step < LEAST_STEP:
            self.stop_training = True
            self._move(0.0)
        else:
            self._move(self._step)
        self.reset_statistics()
        if self._within_sweeps:
            return None
        return {"loss": self._kept.objective, "step": self._step}

    @property
    def _within_sweeps(self):
        """Whether M-steps follow some batches instead of whole sweeps."""
        return self.algorithm.batches_per_m_step is not None

    # What a factor model has besides: z^(L) = Λ^(L+1) z^(L+1) + μ_c.

    @property
    def _clips(self):
        """Whether a negative z is rendered as 0."""
        return self.nonnegative

    def _entering(self, z):
        """Return z as it enters the level below."""
        return ops.relu(z) if self._clips else z

    def _causes(self, e_step):
        """Return what the templates on top are weighted with, (B, columns of them)."""
        return self.one_hot(e_step.classes)

    def _top(self):
        """Return the templates on top, μ, a column a class, as an array."""
        return _array(self.templates.templates)

    def _assign_top(self, templates, gain):
        """Set the templates on top, and b_c so that the κ μ_c nearest to I^(L) wins.

        Args:
            templates: of the shape of `_top()`.
            gain: κ.
        """
        self.templates.templates.assign(templates)
        squares = np.sum(np.square(templates), axis=0)
        self.templates.bias.assign(-0.5 * gain * squares)

    def _soft_e_step(self, images, labels):
        """Return an `EStep` whose switches are those of `SoftSwitching`."""
        messages, switches = [images], []
        for level in self.levels:
            message, shares = self._switching.bottom_up(level, messages[-1])
            messages.append(message)
            switches.append(shares)
        logits = self.templates(messages[-1])
        classes = self.choose(logits, labels)
        rendered = [self.templates.render(self.one_hot(classes))]
        for level, shares in self._from_the_top(switches):
            z = self._switching.unpool(level, self._entering(rendered[0]), shares)
            rendered.insert(0, level.conv.render(z) + level.alpha)
        return EStep(logits, classes, switches, messages, rendered, rendered[0])

    def _keep(self, objective):
        """Keep the weights in use and the change that least squares asks for."""
        sweep = self._sweep
        squares, moved = _array(sweep.gains.total).T
        # η_0 = 1: level 1 renders the image itself.
        steps = np.append(1.0, np.cumprod(squares / np.maximum(moved, 1e-30)))
        levels = []
        for level, statistics, step in zip(
            self.levels, sweep.levels, steps, strict=False
        ):
            kernel = _array(level.conv.kernel)
            change, shift, energy = statistics.solve(kernel, RIDGE)
            levels.append(
                KeptLevel(
                    kernel=kernel,
                    alpha=_array(level.alpha),
                    bias=_array(level.conv.bias),
                    kernel_change=step * change,
                    alpha_change=step * shift,
                    energy=energy,
                )
            )
        causes = _array(sweep.causes.total)
        rows = np.diag(causes)[: self.num_classes]
        smoothed = rows + 1 / self.num_classes
        # A class without rows has no equation: its change is 0.
        causes = causes + 1e-6 * np.trace(causes) / len(causes) * np.eye(len(causes))
        change = np.linalg.solve(causes, _array(sweep.top.total).T).T
        top, top_change = self._top(), np.ascontiguousarray(steps[-1] * change)
        split_unused(levels, top, top_change)
        self._kept = _Kept(
            objective=objective,
            levels=levels,
            top=top,
            top_change=top_change,
            bias=_array(self.templates.bias),
            prior=_array(self.prior),
            shares=smoothed / smoothed.sum(),
            rows=rows,
            messages=_array(sweep.messages.total)[:, : self.num_classes],
        )
        # σ² and π_g have closed forms of their own; no E-step looks at them.
        self.noise_variance.assign(objective)
        for prior, seen in zip(self.nuisance_priors, sweep.switches, strict=True):
            states = _array(seen.total)
            prior.probabilities.assign(states / np.maximum(states.sum(axis=0), 1))

    def _move(self, step):
        """Go `step` of the way from the kept weights, and scale templates to norm 1.

        All that the E-step looks at moves by the same share of the way, so that no
        step gives back the weights that were measured.
        """
        kept, scale = self._kept, np.ones(self.image_shape[-1])
        for level, old in zip(self.levels, kept.levels, strict=True):
            # What renders through the level below, in that level's new units.
            kernel = (old.kernel + step * old.kernel_change) * scale[:, None]
            level.alpha.assign((old.alpha + step * old.alpha_change) * scale)
            norms = np.sqrt(np.sum(np.square(kernel), axis=(0, 1, 2)))
            scale = np.where(norms > 0, norms, 1.0)
            level.conv.kernel.assign(kernel / scale)
            level.conv.bias.assign(old.bias / scale)
        top = kept.top + step * kept.top_change
        # κ of I^(L) ≈ κ μ_c: overlapping templates match more than they render.
        templates = top[:, : self.num_classes]
        squares = np.sum(kept.rows * np.square(templates))
        gain = np.sum(kept.messages * templates) / max(squares, 1e-30)
        scale = np.tile(scale, len(top) // len(scale))[:, None]
        self._assign_top(top * scale, gain)
        nearest = _array(self.templates.bias)
        self.templates.bias.assign(kept.bias + step * (nearest - kept.bias))
        self.templates.prior.assign(kept.prior + step * (kept.shares - kept.prior))

    def _scale_to(self, x, y):
        """Scale the class templates so that what they render fits images best."""
        e_step = self.infer(x, y)
        squares = np.sum(np.square(e_step.reconstruction), dtype="float64")
        scale = np.vdot(x, e_step.reconstruction) / max(squares, 1e-30)
        # The messages stay: they are now this much larger than the templates.
        self._assign_top(scale * self._top(), 1 / max(scale, 1e-6))


@dataclass(frozen=True)
class _Kept:
    """The best weights measured, and the change to try from there.

    Attributes:
        objective: that of the weights.
        levels: `KeptLevel`s, the finest first.
        top, top_change: of the templates on top.
        bias, prior: b_c and π_c.
        shares: of the classes in the sweep, which π_c moves to.
        rows: of each class.
        messages: Σ I^(L) of each class.
    """

    objective: float
    levels: list
    top: Any
    top_change: Any
    bias: Any
    prior: Any
    shares: Any
    rows: Any
    messages: Any


def _array(variable):
    """Return a variable as an array of float64."""
    return ops.convert_to_numpy(variable).astype("float64")
