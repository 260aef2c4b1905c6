"""DRMMTrainer: hard and soft EM of a Deep Rendering Mixture Model."""

from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np
from keras import ops

from keras_drmm.em.drmm_statistics import DRMMStatistics
from keras_drmm.em.em_trainer import EMTrainer, Expectation
from keras_drmm.em.measured_level import MeasuredLevel, split_unused
from keras_drmm.em.measured_model import MeasuredModel
from keras_drmm.em.sweep_metric import array
from keras_drmm.em.switching import HardSwitching, SoftSwitching
from keras_drmm.layers import replicas
from keras_drmm.layers.weighting import row_weights
from keras_drmm.models.e_step import EStep

# Of the penalty on templates, relative to the mean of their Gram matrix' diagonal.
RIDGE = 1e-4
# A step is halved this often before a model is taken to have converged.
LEAST_STEP = 2.0**-6
# The objective of some batches may be so much larger than that of the batches before.
NOISE = 1.5
# Images that class templates to start from are made of.
INITIAL_ROWS = 1000


class DRMMTrainer(EMTrainer):
    r"""The E- and M-step of `HardEM` and `SoftEM` for a DRMM (Algorithm 1).

    The E-step infers (ĉ, ĝ), or ĉ and probabilities q of each level's nuisances, and
    renders them. A `DRFM` has its factors' templates beside those of the classes. The
    objective is the expected squared error of the image given the finest level's input.
    The M-step fits each level's templates by least squares to what their weights should
    render:

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

    A frozen level keeps Γ, α and b, and a frozen top its templates, bias and prior.
    What a frozen part renders through keeps its scale, for want of an inverse.

    Raises:
        ValueError: a level normalises, is regularised or takes channels_first maps, or
            soft EM is asked to learn a signed or a factor model.

    Source: Patel, Nguyen, Baraniuk (2016), Algorithm 1, section 3.3.
    """

    def __init__(self, model, algorithm):
        super().__init__(model, algorithm)
        _check_levels(model)
        # A model that does not rectify has signs or factors to infer.
        if not (algorithm.is_hard or model.rectifies):
            raise ValueError(
                "Soft EM shares out switches alone: a signed model has signs and a "
                f"factor model factors besides. Learn {type(model).__name__} by "
                "`HardEM()`."
            )
        if algorithm.is_hard:
            self.switching: Any = HardSwitching()
        else:
            self.switching = SoftSwitching(algorithm.posterior)
        # What stands on top: a template for each class and, of a DRFM, each factor.
        self.on_top = [model.templates]
        if hasattr(model, "factor_templates"):
            if model.templates.pooling == "mean":
                raise ValueError(
                    "Class templates with `pooling='mean'` and factor templates are of "
                    f"different shapes: build {type(model).__name__} with "
                    "`pooling=None`, or learn by `EG()`."
                )
            self.on_top.append(model.factor_templates)
        self.sums = DRMMStatistics(
            model, self._top_templates().shape, soft=not algorithm.is_hard
        )
        self.metrics = self.sums.metrics
        self.begin_fit()

    def initialize(self, images, labels, random):
        """Take class templates from the data, and scale all templates to norm 1.

        A class starts as the mean message of its labelled rows, or else as that of a
        row. κ is such that what they render fits the images best.

        Args:
            images: (N, H, W, C); some are chosen at random, labelled ones first.
            labels: integers (N,), -1 for an unlabelled row, or None.
            random: a `numpy.random.Generator`.
        """
        if labels is None:
            labels = np.full(len(images), -1)
        templates, rows = _initial_templates(
            self.model, self._may_scale(), images, labels, random
        )
        if not self.model.templates.trainable:
            return
        top = self._top_templates()
        top[:, : self.model.num_classes] = templates
        self._assign_top(top, 1.0)
        self._scale_to(images[rows[:100]], labels[rows[:100]])

    def begin_fit(self):
        """Compare anew: sweeps are compared over the same data alone."""
        self.best: Any = None
        self.step, self.falls = self.algorithm.step, 0

    def end_fit(self):
        """Go back to the weights that the last log describes.

        The M-step after them would not be measured any more. One sweep alone has
        measured what it started from, and its M-step is all that it learned.
        """
        if self.best and self.sweeps > 1 and not self._within_sweeps:
            self._assign_parameters(0.0)

    def state(self):
        best = {} if self.best is None else {"best": asdict(self.best)}
        return {**super().state(), "step": self.step, "falls": self.falls, **best}

    def restore(self, state):
        super().restore(state)
        self.step, self.falls, self.best = (
            float(state["step"]),
            int(state["falls"]),
            None,
        )
        if "best" in state:
            levels = [MeasuredLevel(**v) for v in state["best"]["levels"].values()]
            self.best = MeasuredModel(**{**state["best"], "levels": levels})

    def e_step(self, images, labels, training=False):
        """Infer classes and switches, and render them; returns an `Expectation`."""
        model = self.model
        if self.switching.is_soft:
            e_step = self._soft_e_step(images, labels)
        else:
            e_step = model.e_step(images, labels)
        error = ops.cast(images, "float32") - ops.cast(e_step.reconstruction, "float32")
        squares = ops.sum(ops.square(error), axis=(1, 2, 3))
        squares += self.switching.variance(
            model.levels[0],
            model.rectify(e_step.rendered[1]),
            e_step.switches[0],
            model.image_shape[:2],
        )
        # In squared pixel values: σ² is the mean of it, and not among what is fitted.
        evidence = -squares / np.prod(model.image_shape)
        return Expectation(e_step.logits, evidence, (e_step, error, evidence))

    def accumulate(self, statistics, sample_weight=None):
        (e_step, error, evidence), switching = statistics, self.switching
        model, sums = self.model, self.sums
        weights = row_weights(error, sample_weight)
        weighted = ops.reshape(weights, (-1,)) * evidence
        sums.error.update_state(ops.stack([-ops.sum(weighted), ops.sum(weights)]))
        gains = []
        gram_divisor = self.algorithm.gram_divisor
        for l, level in enumerate(model.levels):
            switches, z = e_step.switches[l], model.rectify(e_step.rendered[l + 1])
            rows = replicas.first_rows(ops.shape(z)[0], gram_divisor)
            seen = weights[:rows]
            sums.levels[l].update_state(
                switching.unpool(level, z, switches),
                error,
                switching.covariance(
                    ops.multiply(ops.sqrt(seen), z[:rows]), switches[:rows]
                ),
                gram_divisor,
                sample_weight,
            )
            error = switching.adjoint(level, error, switches)
            if model.rectifies:
                # Behind the ReLU a negative z moves nothing.
                error = ops.where(z > 0, error, 0)
            some = error[:rows]
            moved = level.conv.render(switching.unpool(level, some, switches[:rows]))
            squares = (ops.multiply(seen, ops.square(v)) for v in (some, moved))
            gains.append([ops.sum(v) for v in squares])
            sums.switches[l].update_state(
                switching.count(model.nuisance_priors[l], switches, sample_weight)
            )
        sums.gains.update_state(ops.stack([ops.stack(v) for v in gains]))
        on_top = model.one_hot(e_step.classes)
        if e_step.factors is not None:
            on_top = ops.concatenate([on_top, e_step.factors], axis=1)
        # Keras' product, of half and full precision too.
        weighted = ops.multiply(weights[:, 0, 0], on_top)
        sums.weights.update_state(ops.matmul(ops.transpose(weighted), on_top))
        for total, values in (
            (sums.top, error),
            (sums.messages, e_step.messages[-1]),
        ):
            if model.templates.pooling == "mean":
                values = ops.mean(values, axis=(1, 2))
            values = ops.reshape(values, (-1, total.total.shape[0]))
            total.update_state(ops.matmul(ops.transpose(values), weighted))

    def reset_statistics(self):
        self.sums.forget()

    def learned_variables(self):
        layers = [layer for layer in self.on_top if layer.trainable]
        found = [layer.templates for layer in layers]
        if self.model.templates.trainable:
            found.append(self.model.templates.bias)
        for level, learns in zip(self.model.levels, self._may_learn(), strict=False):
            if learns:
                found += [level.alpha, level.conv.kernel, level.conv.bias]
        return found if self.model.trainable else []

    def m_step(self, logs=None):
        """Fit templates and priors to the sweep, or take the last step back.

        Returns:
            What to log of the weights that are kept: all that was measured of them, and
            the size of the step; None within a sweep.
        """
        total, rows = array(self.sums.error.total)
        if rows == 0:
            # A batch of weight 0 says nothing.
            self.reset_statistics()
            return None
        objective = total / rows
        self._count_usage()
        allowed = NOISE if self._within_sweeps else 1.0
        if self.best is not None and objective > allowed * self.best.objective:
            self.step, self.falls = self.step / 2, 0
        else:
            self._measure(objective, logs or {})
            self.falls += 1
            # Longer steps only after some success: each one that fails costs a sweep.
            if self.falls > 2 and not self._within_sweeps:
                self.step = min(1.0, 2 * self.step)
        if self.step < LEAST_STEP:
            self.model.stop_training = True
            self._assign_parameters(0.0)
        else:
            self._assign_parameters(self.step)
        self.reset_statistics()
        if self._within_sweeps:
            return None
        measured = {name: float(value) for name, value in self.best.logs.items()}
        return {**measured, "loss": float(self.best.objective), "step": self.step}

    def _count_usage(self):
        """Hand over the rows of each class, and how often each template was ON."""
        rows = np.diag(array(self.sums.weights.total))[: self.model.num_classes]
        # (1 + positions, h, w, filters), OFF first.
        on = {
            f"level {number}": array(seen.total)[1:].sum(axis=(0, 1, 2))
            for number, seen in enumerate(self.sums.switches, start=1)
        }
        self.usage.add(rows, on)

    @property
    def _within_sweeps(self):
        """Whether M-steps follow some batches instead of whole sweeps."""
        return self.algorithm.batches_per_m_step is not None

    def _top_templates(self):
        """Return the templates on top, a column each, as an array."""
        return np.concatenate([array(v.templates) for v in self.on_top], axis=1)

    def _assign_top(self, templates, gain, scale=1.0):
        """Set the templates on top, and b_c so that the κ μ_c nearest to I^(L) wins.

        Args:
            templates: of the shape of `_top_templates()`, in the units of I^(L) that
                κ is in.
            gain: κ.
            scale: of each unit in its new size, with which <μ_c, I^(L)> stays.
        """
        columns = np.cumsum([v.templates.shape[1] for v in self.on_top])[:-1]
        parts = np.split(templates, columns, axis=1)
        for layer, part in zip(self.on_top, parts, strict=True):
            if layer.trainable:
                layer.templates.assign(part * scale)
        if self.model.templates.trainable:
            squares = np.sum(np.square(parts[0]), axis=0)
            self.model.templates.bias.assign(-0.5 * gain * squares)

    def _may_learn(self):
        """Return whether each level may change, the finest first, and then the top."""
        model = self.model
        levels = [v.trainable and v.conv.trainable for v in model.levels]
        top = all(layer.trainable for layer in self.on_top)
        return [model.trainable and v for v in (*levels, top)]

    def _may_scale(self):
        """Return whether the units of each level's message may change.

        They are those of the level's templates and of what renders through them.
        """
        learns = self._may_learn()
        return [a and b for a, b in pairwise(learns)]

    def _soft_e_step(self, images, labels):
        """Return an `EStep` whose switches are those of `SoftSwitching`."""
        model = self.model
        messages, switches = [images], []
        for level in model.levels:
            message, shares = self.switching.bottom_up(level, messages[-1])
            messages.append(message)
            switches.append(shares)
        logits = model.templates(messages[-1])
        classes = model.choose(logits, labels)
        rendered = [model.templates.render(model.one_hot(classes))]
        for level, shares in model.from_the_top(switches):
            z = self.switching.unpool(level, model.rectify(rendered[0]), shares)
            rendered.insert(0, level.conv.render(z) + level.alpha)
        return EStep(logits, classes, switches, messages, rendered, rendered[0])

    def _measure(self, objective, logs):
        """Keep the weights in use and the change that least squares asks for."""
        model, sums = self.model, self.sums
        squares, moved = array(sums.gains.total).T
        # η_0 = 1: level 1 renders the image itself.
        steps = np.append(1.0, np.cumprod(squares / np.maximum(moved, 1e-30)))
        levels = []
        for level, statistics, step, learns in zip(
            model.levels, sums.levels, steps, self._may_learn(), strict=False
        ):
            kernel = array(level.conv.kernel)
            change, shift, energy = statistics.solve(kernel, RIDGE)
            levels.append(
                MeasuredLevel(
                    kernel=kernel,
                    alpha=array(level.alpha),
                    bias=array(level.conv.bias),
                    kernel_change=learns * step * change,
                    alpha_change=learns * step * shift,
                    energy=energy,
                )
            )
        weights = array(sums.weights.total)
        rows = np.diag(weights)[: model.num_classes]
        smoothed = rows + 1 / model.num_classes
        # A class without rows has no equation: its change is 0.
        floor = 1e-6 * np.trace(weights) / len(weights)
        weights = weights + floor * np.eye(len(weights))
        change = np.linalg.solve(weights, array(sums.top.total).T).T
        top = self._top_templates()
        top_change = np.ascontiguousarray(steps[-1] * change)
        columns = [
            np.full(v.templates.shape[1], v.trainable and model.trainable)
            for v in self.on_top
        ]
        top_change *= np.concatenate(columns)
        split_unused(levels, top, top_change, self._may_scale())
        self.best = MeasuredModel(
            objective=objective,
            levels=levels,
            top=top,
            top_change=top_change,
            bias=array(model.templates.bias),
            prior=array(model.class_prior),
            shares=smoothed / smoothed.sum(),
            rows=rows,
            messages=array(sums.messages.total)[:, : model.num_classes],
            logs={name: float(value) for name, value in logs.items()},
        )
        # σ² and π_g have closed forms of their own; no E-step looks at them.
        if model.trainable:
            model.noise_variance.assign(objective)
        for prior, seen in model.learned_priors(sums.switches):
            states = array(seen.total)
            counts = states.sum(axis=0)
            prior.probabilities.assign(states / np.where(counts > 0, counts, 1))

    def _assign_parameters(self, step):
        """Go `step` of the way from the best weights, and scale templates to norm 1.

        All that the E-step looks at moves by the same share of the way, so that no
        step gives back the weights that were measured.
        """
        model, best = self.model, self.best
        scale = np.ones(model.image_shape[-1])
        for level, old, learns, scales in zip(
            model.levels,
            best.levels,
            self._may_learn()[:-1],
            self._may_scale(),
            strict=True,
        ):
            if not learns:
                scale = np.ones(len(old.bias))
                continue
            # What renders through the level below, in that level's new units.
            kernel = (old.kernel + step * old.kernel_change) * scale[:, None]
            level.alpha.assign((old.alpha + step * old.alpha_change) * scale)
            norms = np.sqrt(np.sum(np.square(kernel), axis=(0, 1, 2)))
            scale = np.where(scales & (norms > 0), norms, 1.0)
            level.conv.kernel.assign(kernel / scale)
            level.conv.bias.assign(old.bias / scale)
        top = best.top + step * best.top_change
        # κ of I^(L) ≈ κ μ_c: overlapping templates match more than they render.
        templates = top[:, : model.num_classes]
        squares = np.sum(best.rows * np.square(templates))
        gain = np.sum(best.messages * templates) / max(squares, 1e-30)
        scale = np.tile(scale, len(top) // len(scale))[:, None]
        self._assign_top(top, gain, scale)
        if not model.templates.trainable:
            return
        nearest = array(model.templates.bias)
        model.templates.bias.assign(best.bias + step * (nearest - best.bias))
        model.templates.prior.assign(best.prior + step * (best.shares - best.prior))

    def _scale_to(self, x, y):
        """Scale the class templates so that what they render fits images best."""
        rendered = self.model.infer(x, y).reconstruction
        squares = np.sum(np.square(rendered), dtype="float64")
        scale = np.vdot(x, rendered) / max(squares, 1e-30)
        # The messages stay: they are now this much larger than the templates.
        self._assign_top(scale * self._top_templates(), 1 / max(scale, 1e-6))


def _initial_templates(model, may_scale, images, labels, random):
    """Return class templates μ from the data, and scale the levels' templates.

    A class starts as the mean message of its labelled rows, or else as that of a row.
    The levels' templates keep the directions that their initializer drew, at unit norm:
    patches of the data, all alike, switch on together, and switches that are always on
    tell nothing.

    Args:
        model: a `DRMM`, whose levels change.
        may_scale: whether each level's templates may be scaled.
        images: (N, H, W, C).
        labels: integers (N,), -1 for an unlabelled row.
        random: a `numpy.random.Generator`.

    Returns:
        (μ, of the shape of the model's class templates; the rows drawn).
    """
    order = random.permutation(len(images))
    order = order[np.argsort(labels[order] < 0, kind="stable")][:INITIAL_ROWS]
    message = ops.convert_to_tensor(images[order], model.compute_dtype)
    for level, scales in zip(model.levels, may_scale, strict=True):
        if scales:
            kernel = ops.convert_to_numpy(level.conv.kernel)
            norms = np.sqrt(np.sum(np.square(kernel), axis=(0, 1, 2)))
            level.conv.kernel.assign(kernel / np.where(norms > 0, norms, 1))
        message = level(message)
    if model.templates.pooling == "mean":
        message = ops.mean(message, axis=(1, 2))
    features = ops.convert_to_numpy(message).reshape(len(order), -1)
    # No two classes start from one row, if there are as many.
    few = len(order) < model.num_classes
    drawn = random.choice(len(order), model.num_classes, replace=few)
    templates = features[drawn]
    for c in np.unique(labels[labels >= 0]):
        if np.any(labels[order] == c):
            templates[c] = features[labels[order] == c].mean(axis=0)
    return templates.T, order


def _check_levels(model):
    """Raise a ValueError if a level has no closed form."""
    for level in model.levels:
        if level.top_down_batch_norm is not None or level.batch_norm is not None:
            raise ValueError(
                f"Level `{level.name}` has batch normalisation, for which there is "
                "no closed form: build levels with batch_norm=False."
            )
        if level.conv.kernel_regularizer is not None:
            raise ValueError(
                f"Level `{level.name}` has a `kernel_regularizer`, for which there is "
                "no closed form: build levels without, or learn by `EG`."
            )
        if level.data_format != "channels_last":
            raise ValueError("EM takes channels_last levels.")
    if model.templates.templates_regularizer is not None:
        raise ValueError(
            "The model has a `templates_regularizer`, for which there is no closed "
            "form: leave it out, or learn by `EG`."
        )
