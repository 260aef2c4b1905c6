"""LearnsByEM: the closed forms of a DRMM, for hard EM."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_drmm.models.drmm_sweep import DRMMSweep
from keras_drmm.models.expectation import Expectation
from keras_drmm.models.rendering_model import RenderingModel
from keras_drmm.models.sampling import numpy_generator

# Images that templates are drawn from.
INITIAL_ROWS = 1000

# Of the penalty on templates, relative to the mean of their Gram matrix' diagonal.
RIDGE = 1e-4
# A step is halved this often before a model is taken to have converged.
LEAST_STEP = 2.0**-6


class LearnsByEM(RenderingModel):
    r"""The E- and M-step of `HardEM` for a DRMM (Algorithm 1).

    The E-step infers (ĉ, ĝ) and renders them. The objective is the squared error of the
    rendered images. The M-step fits each level's templates by least squares, given ĝ,
    to what their weights should render:

    $$\Delta\Gamma^{(\ell)} = \eta_\ell \Big(\sum \varphi \varphi^T + \lambda 1
    \Big)^{-1} \sum \varphi\, \epsilon^{(\ell-1)\,T}, \qquad \epsilon^{(0)} = I - \hat
    I, \quad \epsilon^{(\ell)} = \Lambda_{\hat g}^{(\ell)\,T} \epsilon^{(\ell-1)}$$

    At level 1 this is the least-squares solution itself. Where the Λ below are
    orthonormal, which the paper's E-step assumes (constant ||μ_cg||), the error
    projected back is $I^{(\ell)} - \Lambda_{\hat g}^{(\ell+1)} \hat z^{(\ell+1)}$, and
    so this is the paper's GLS at every level. Where they are not, it is still a
    direction in which the error falls, as the moments are its gradient, and η is the
    step along ε^(ℓ) in which it falls furthest.

    All levels move at once, and the E-step maximises <μ_cg, I>, not the error. So a
    sweep may be worse than the one before: its M-step is then taken back and repeated
    with half of the step. The objective of the weights that are kept never rises.

    After each M-step templates are scaled to unit norm, and what renders through them
    by the inverse: the images stay as they are.

    Source: Patel, Nguyen, Baraniuk (2016), Algorithm 1, section 3.3.
    """

    @property
    def initialized(self):
        """Whether the model has learned already, or `initialize` was called."""
        return int(ops.convert_to_numpy(self.steps)) > 0

    def initialize(self, x, y=None, seed=None):
        """Choose templates to start from: patches of the data, level by level.

        Args:
            x: images (N, H, W, C), floats in `pixel_range`; some are drawn.
            y: integer labels (N,), -1 for an unlabelled row, or None. A class starts as
                the mean of its labelled rows, or else as a row.
            seed: an integer; None goes on with `keras.utils.set_random_seed`'s.
        """
        self._check(x, y)
        random = numpy_generator(seed)
        labels = np.full(len(x), -1) if y is None else ops.convert_to_numpy(y).ravel()
        order = random.permutation(len(x))
        order = order[np.argsort(labels[order] < 0, kind="stable")][:INITIAL_ROWS]
        message = ops.convert_to_tensor(np.asarray(x)[order], self.compute_dtype)
        for level in self.levels:
            level.conv.kernel.assign(_patches(message, level.conv, random))
            message = level(message)
        if self.templates.pooling == "mean":
            message = ops.mean(message, axis=(1, 2))
        features = ops.convert_to_numpy(message).reshape(len(order), -1)
        rows = random.choice(len(order), self.num_classes, replace=True)
        templates = features[rows]
        for c in np.unique(labels[labels >= 0]):
            if np.any(labels[order] == c):
                templates[c] = features[labels[order] == c].mean(axis=0)
        self._assign_templates(templates.T, 1.0)
        self._scale_to(np.asarray(x)[order[:100]], labels[order[:100]])
        self.steps.assign(1)

    def compile(self, *args, **kwargs):
        """Configure learning; see `RenderingModel.compile`.

        Raises:
            ValueError: as there, or a level normalises or its data come channels_first,
                which hard EM has no closed form for.
        """
        super().compile(*args, **kwargs)
        self._sweep: Any = DRMMSweep(self) if self.closed_form else None

    def fit(self, *args, **kwargs):
        """Learn; see `RenderingModel.fit`.

        Hard EM compares sweeps over the same data: each call starts to compare anew.
        The M-step after its last sweep is not measured any more.
        """
        self._kept: Any = None
        self._step = 1.0
        return super().fit(*args, **kwargs)

    def _check_algorithm(self, algorithm):
        super()._check_algorithm(algorithm)
        if not getattr(algorithm, "closed_form", False):
            return
        if not algorithm.is_hard:
            raise ValueError(
                "The posterior of a DRMM's nuisances is not summed here: learn by "
                "`HardEM()` or `EG()`. An `RMM` has soft EM."
            )
        for level in self.levels:
            if level.top_down_batch_norm is not None or level.batch_norm is not None:
                raise ValueError(
                    f"Level `{level.name}` has batch normalisation, for which there is "
                    "no closed form: build levels with batch_norm=False."
                )
            if level.data_format != "channels_last":
                raise ValueError("Hard EM takes channels_last levels.")

    @property
    def metrics(self):
        sweep = getattr(self, "_sweep", None)
        return super().metrics + (sweep.metrics if sweep else [])

    def expect(self, images, labels, posterior):
        """Run the E-step of hard EM on a batch, on tensors.

        Args:
            images: (B, H, W, C).
            labels: integers (B,), -1 for an unlabelled row, or None.
            posterior: of the algorithm; hard EM's is the max-sum E-step itself.

        Returns:
            An `Expectation`.
        """
        e_step = self.e_step(images, labels)
        error = ops.cast(images, "float32") - ops.cast(e_step.reconstruction, "float32")
        squares = ops.sum(ops.square(error), axis=(1, 2, 3))
        # In squared pixel values: σ² is the mean of it, and not among what is fitted.
        evidence = -squares / np.prod(self.image_shape)
        return Expectation(e_step.logits, evidence, (e_step, error))

    def accumulate(self, statistics):
        """Add a batch's statistics to those of the sweep."""
        e_step, error = statistics
        steps = []
        for l, level in enumerate(self.levels):
            switches, z = e_step.switches[l], e_step.rendered[l + 1]
            active = ops.relu(z) if self.nonnegative else z
            unpooled = level.pool.unpool(active, switches)
            self._sweep.levels[l].update_state(unpooled, error)
            error = level.render.adjoint(error, switches)
            if self.nonnegative:
                # Behind the ReLU a negative z moves nothing.
                error = ops.where(z > 0, error, 0)
            moved = error
            for below in range(l, -1, -1):
                moved = self.levels[below].render(moved, e_step.switches[below])
            steps.append([ops.sum(ops.square(error)), ops.sum(ops.square(moved))])
            seen = self.nuisance_priors[l].count(switches)
            self._sweep.switches[l].update_state(seen)
        self._sweep.steps.update_state(ops.stack([ops.stack(s) for s in steps]))
        top = e_step.rendered[-1]
        self._sweep.gain.update_state(
            ops.stack([ops.sum(top * e_step.messages[-1]), ops.sum(ops.square(top))])
        )
        if self.templates.pooling == "mean":
            error = ops.mean(error, axis=(1, 2))
        error = ops.reshape(error, (-1, self.templates.templates.shape[0]))
        chosen = self.one_hot(e_step.classes)
        self._sweep.classes.update_state(ops.sum(chosen, axis=0))
        self._sweep.top.update_state(ops.matmul(ops.transpose(error), chosen))

    def reset_statistics(self):
        """Forget the statistics of the sweep."""
        self._sweep.forget()

    def m_step(self):
        """Fit templates and priors to the sweep, or take the last step back.

        Returns:
            What to log of the weights that are kept: objective and size of the step.
        """
        objective = self._sweep.levels[0].mean_square
        if self._kept is not None and objective > self._kept.objective:
            self._step /= 2
        else:
            self._kept = self._solve(objective)
            self._step = min(1.0, 2 * self._step)
            self._count()
        if self._step < LEAST_STEP:
            self.stop_training = True
            self._move(0.0)
        else:
            self._move(self._step)
        self.reset_statistics()
        return {"loss": self._kept.objective, "step": self._step}

    def _solve(self, objective):
        """Return the weights in use and the change that least squares asks for."""
        sweep = self._sweep
        # η_0 = 1: level 1 renders the image itself.
        along, moved = _array(sweep.steps.total).T
        steps = np.append(1.0, along / np.maximum(moved, 1e-30))
        levels = []
        for level, statistics, step in zip(
            self.levels, sweep.levels, steps, strict=False
        ):
            kernel = _array(level.conv.kernel)
            change, shift, _ = statistics.solve(kernel, RIDGE)
            levels.append(
                _KeptLevel(
                    kernel=kernel,
                    alpha=_array(level.alpha),
                    bias=_array(level.conv.bias),
                    kernel_change=step * change,
                    alpha_change=step * shift,
                )
            )
        matched, squares = _array(sweep.gain.total)
        rows = _array(sweep.classes.total)
        smoothed = rows + 1 / self.num_classes
        return _Kept(
            objective=objective,
            levels=levels,
            templates=_array(self.templates.templates),
            templates_change=steps[-1] * _array(sweep.top.total) / np.maximum(rows, 1),
            bias=_array(self.templates.bias),
            prior=_array(self.prior),
            shares=smoothed / smoothed.sum(),
            gain=matched / max(squares, 1e-30),
        )

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
        positions = len(kept.templates) // len(scale)
        templates = kept.templates + step * kept.templates_change
        self._assign_templates(
            templates * np.tile(scale, positions)[:, None], kept.gain
        )
        nearest = _array(self.templates.bias)
        self.templates.bias.assign(kept.bias + step * (nearest - kept.bias))
        self.templates.prior.assign(kept.prior + step * (kept.shares - kept.prior))

    def _assign_templates(self, templates, gain):
        """Set μ_c, and b_c so that the nearest κ μ_c to I^(L) wins (4)."""
        self.templates.templates.assign(templates)
        squares = np.sum(np.square(templates), axis=0)
        self.templates.bias.assign(-0.5 * gain * squares)

    def _scale_to(self, x, y):
        """Scale the class templates so that what they render fits images best."""
        e_step = self.infer(x, y)
        squares = np.sum(np.square(e_step.reconstruction), dtype="float64")
        scale = np.vdot(x, e_step.reconstruction) / max(squares, 1e-30)
        templates = scale * _array(self.templates.templates)
        # The messages stay: they are now this much larger than the templates.
        self._assign_templates(templates, 1 / max(scale, 1e-6))

    def _count(self):
        """Set σ² and π_g to their closed forms; no E-step looks at them."""
        self.noise_variance.assign(self._kept.objective)
        for prior, seen in zip(self.nuisance_priors, self._sweep.switches, strict=True):
            states = _array(seen.total)
            prior.probabilities.assign(states / np.maximum(states.sum(axis=0), 1))


@dataclass(frozen=True)
class _KeptLevel:
    """Γ, α and b of a level that were measured, and the change to try, as arrays."""

    kernel: Any
    alpha: Any
    bias: Any
    kernel_change: Any
    alpha_change: Any


@dataclass(frozen=True)
class _Kept:
    """The best weights measured, and the change to try from there.

    Attributes:
        objective: that of the weights.
        levels: `_KeptLevel`s, the finest first.
        templates, templates_change: of μ.
        bias, prior: b_c and π_c.
        shares: of the classes in the sweep, which π_c moves to.
        gain: κ of I^(L) ≈ κ ẑ^(L), as overlapping templates match more than renders.
    """

    objective: float
    levels: list
    templates: Any
    templates_change: Any
    bias: Any
    prior: Any
    shares: Any
    gain: float


def _array(variable):
    """Return a variable as an array of float64."""
    return ops.convert_to_numpy(variable).astype("float64")


def _patches(message, conv, random):
    """Return patches of maps, of unit norm, as templates of a `RenderingConv2D`.

    Patches are drawn by their energy: where nothing is, nothing can be learned from.
    """
    message = ops.convert_to_numpy(message)
    (kh, kw), filters = conv.kernel_size, conv.filters
    energy = np.square(message, dtype="float64").sum(axis=3)
    if not energy.any():
        energy[:] = 1
    places = random.choice(energy.size, filters, p=energy.ravel() / energy.sum())
    # The pixel that was drawn stands in the middle of its patch.
    message = np.pad(message, [(0, 0), (kh // 2, kh), (kw // 2, kw), (0, 0)])
    patches = np.stack(
        [
            message[n, i : i + kh, j : j + kw]
            for n, i, j in zip(*np.unravel_index(places, energy.shape), strict=True)
        ],
        axis=-1,
    )
    patches = patches + 1e-3 * random.normal(size=patches.shape)
    return patches / np.sqrt(np.sum(np.square(patches), axis=(0, 1, 2)))
