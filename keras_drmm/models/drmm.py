"""DRMM: the Deep Rendering Mixture Model."""

import math
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_drmm import kernels
from keras_drmm.layers import ClassTemplates, replicas
from keras_drmm.layers.arguments import (
    as_array,
    describe,
    standardize_boolean,
    standardize_classes,
    standardize_integer,
    standardize_integers,
)
from keras_drmm.layers.deprecation import renamed_arguments, reordered_arguments
from keras_drmm.layers.fused_batch_normalization import keep_running_statistics
from keras_drmm.layers.level import standardize_levels, warn_of_other_dtypes
from keras_drmm.layers.nuisance_prior import NuisancePrior, update_together
from keras_drmm.layers.weighting import weighted_mean
from keras_drmm.models.e_step import EStep
from keras_drmm.models.rendering_model import RenderingModel
from keras_drmm.models.sampling import row_parts
from keras_drmm.models.signed_inference import infer_signed
from keras_drmm.models.styled import Styled


class FreeParameters(NamedTuple):
    """Numbers of free parameters.

    Attributes:
        deep: of the factorised model, with dense Λ_g.
        shallow: of the RMM that has a template for each class and nuisance.
    """

    deep: int
    shallow: int


def prior_rate(steps):
    """Return how much of the way priors move after so many training steps.

    They are means over all batches so far at first, running means later.
    """
    return ops.maximum(1 / (ops.cast(steps, "float32") + 2), 0.01)


@reordered_arguments("levels", "num_classes", "input_shape")
@keras.saving.register_keras_serializable(package="keras_drmm")
class DRMM(Styled, RenderingModel):
    r"""The Deep Rendering Mixture Model.

    A class renders an image level by level, each level's nuisances g = (t, a) choosing
    where its templates go and which are on (5)-(7):

    $$c \sim \mathrm{Cat}(\pi_c), \quad z^{(L)} = \mu_c, \quad
    z^{(\ell-1)} = \Lambda_{g}^{(\ell)} z^{(\ell)} + \alpha^{(\ell)}, \quad
    I \sim \mathcal{N}(z^{(0)}, \sigma^2 1)$$

    Max-sum inference in this model is a convnet (8), (9): `bottom_up` finds the most
    probable class and nuisances, `top_down` renders the image they explain. That
    `infer` finds the best (c, g) is exact for z >= 0 without α and normalisation.

    With `nonnegative=False` templates of both signs render, and where z < 0 the best
    nuisances are those of the most negative match: a signed convnet (28)-(39). The
    signs are known from above only, so the E-step alternates: top-down finds s =
    sgn(z), bottom-up the best (c, g) for them. No alternation lowers the score of
    (ĉ, ĝ), the largest logit; the best of all it may miss.

    The priors of class and nuisances and the noise are learned by counting, as running
    means over training steps: π_c of the labels, π_g and σ² of the rows rendered.

    Args:
        levels: list of `Level`, the finest first, which no other model has.
        input_shape: (H, W, C) of an image, (C, H, W) for channels_first levels.
        num_classes: number of classes.
        pooling: of the `ClassTemplates` on top, "mean" or None.
        nonnegative: whether z^(ℓ) >= 0 (11), which a ReLU enforces as z^(ℓ) enters
            level ℓ top-down; False for the signed DRMM.
        alternations: how often the signed E-step looks top-down for signs.
        pixel_range: (lowest, highest) value of a pixel. Images outside are refused.
        templates_initializer: of the class templates μ_c.
        templates_regularizer: of the class templates, or None.
        **kwargs: `name`, `dtype` of `keras.Model`.

    Shapes:
        `call`: images (B, H, W, C) -> logits (B, num_classes).

    Raises:
        ValueError: an argument is out of range; a level stands in another model, or was
            built for another input; images or labels are not what the model takes.

    Example:

    >>> levels = [Level(8, 3, pool_size=2), Level(16, 3)]
    >>> model = DRMM(levels, input_shape=(8, 8, 1), num_classes=3)
    >>> model.compile("adam", algorithm=keras_drmm.EG())
    >>> images, labels = np.random.rand(6, 8, 8, 1), np.array([0, 1, 2, -1, -1, -1])
    >>> history = model.fit(images, labels, verbose=0)
    >>> model.infer(images).reconstruction.shape
    (6, 8, 8, 1)

    Source: Patel, Nguyen, Baraniuk (2016), section 3.2 and Appendix B.
    """

    def __init__(
        self,
        levels,
        input_shape,
        num_classes,
        pooling="mean",
        nonnegative=True,
        alternations=3,
        pixel_range=(0.0, 1.0),
        templates_initializer="glorot_uniform",
        templates_regularizer=None,
        **kwargs,
    ):
        super().__init__(input_shape, pixel_range, **kwargs)
        self.levels = standardize_levels(levels)
        if "dtype" in kwargs:
            warn_of_other_dtypes(self.levels, self.dtype_policy)
        self.nonnegative = standardize_boolean(nonnegative, "nonnegative")
        self.alternations = standardize_integer(alternations, "alternations")
        self.templates = ClassTemplates(
            num_classes,
            pooling,
            data_format=self.levels[0].data_format,
            templates_initializer=templates_initializer,
            templates_regularizer=templates_regularizer,
            dtype=self.dtype_policy,
            name="templates",
        )
        # Everything is built here: a model made by `from_config` has its weights, and
        # no variable is created inside a compiled step.
        shape = (None, *self.image_shape)
        # Of I^(0..L).
        self.message_shapes, self.nuisance_priors = [shape], []
        for number, level in enumerate(self.levels, start=1):
            # A level that was saved comes back built.
            level.prepare_for(self.name, shape)
            shape = level.compute_output_shape(shape)
            self.message_shapes.append(shape)
            prior = NuisancePrior(
                math.prod(level.pool.pool_size), name=f"nuisance_prior_{number}"
            )
            prior.build(shape)
            self.nuisance_priors.append(prior)
        self.templates.build(shape)
        self.noise_variance = self._add_state("noise_variance", (), 1.0)
        self._add_progress()
        # At the end: a model that fails leaves levels to the next try.
        for level in self.levels:
            level.join(self.name)
        self.built = True
        self._freeze_parts()

    @property
    def num_classes(self):
        """Number of classes."""
        return self.templates.num_classes

    @property
    def class_prior(self):
        """π_c, (num_classes,), a variable."""
        return self.templates.prior

    @property
    def rectifies(self):
        """Whether a ReLU keeps z from below 0 as it enters a level top-down."""
        return self.nonnegative

    def classify(self, images, training=False):
        """Return the logits (8): the bottom-up pass of a convnet."""
        if not self.nonnegative:
            return infer_signed(self, images, training=training).logits
        message = images
        for level in self.levels:
            message = level(message, training=training)
        return self.templates(message)

    def classify_augmented(self, images, training=True):
        """Return the logits of augmented images.

        Running statistics of batch normalisation stay those of the images themselves.
        """
        with keep_running_statistics(self._norms):
            return self.classify(images, training)

    @property
    def _norms(self):
        return [level.batch_norm for level in self.levels if level.batch_norm]

    def bottom_up(self, images, training=False):
        """Pass messages from fine to coarse (40): I^(0..L) and ĝ^(1..L)."""
        messages, switches = [images], []
        for level in self.levels:
            message, inferred = level.bottom_up(messages[-1], training)
            messages.append(message)
            switches.append(inferred)
        return messages, switches

    def top_down(self, classes, switches, training=False):
        """Render from coarse to fine (35), (36): ẑ^(0..L) of one-hot classes and ĝ."""
        return self.render_down(self.templates.render(classes), switches, training)

    def render_down(self, z, switches, training=False):
        """Render z^(L) from coarse to fine by ĝ: ẑ^(0..L)."""
        rendered = [z]
        for level, inferred in self.from_the_top(switches):
            z = self.rectify(rendered[0])
            rendered.insert(0, level.top_down(z, inferred, training))
        return rendered

    def rectify(self, z):
        """Return z as it enters the level below: max(0, z) if the model rectifies."""
        return ops.relu(z) if self.rectifies else z

    def explain(self, images, classes, switches, training=False):
        """Render what was inferred: (ẑ^(0..L), None, as there are no factors)."""
        return self.top_down(classes, switches, training), None

    @renamed_arguments(rows_per_render="render_divisor")
    def e_step(self, images, labels=None, training=False, render_divisor=1):
        """Infer ĉ, ĝ and what they render, on tensors, inside a graph or step.

        Args:
            images: (B, H, W, C).
            labels: integers (B,), -1 for an unlabelled row; a labelled row renders
                its class instead of ĉ.
            training: whether batch normalisation uses the batch's statistics.
            render_divisor: n renders only the first ceil(B / n) rows, as many as
                `rendered` and `reconstruction` then have. 0 renders none: `rendered`
                is empty and `reconstruction` None.

        Returns:
            An `EStep` of tensors.
        """
        render_divisor = standardize_integer(
            render_divisor, "render_divisor", minimum=0
        )
        if self.nonnegative:
            messages, switches = self.bottom_up(images, training)
            logits = self.templates(messages[-1])
            classes = self.choose(logits, labels)
        else:
            logits, classes, switches, messages = infer_signed(
                self, images, training=training
            )
            if labels is not None:
                # The signs that maximise a label's score would tell it to the logits.
                with keep_running_statistics(self._norms):
                    found = infer_signed(self, images, labels, training)
                _, classes, switches, messages = found
        rendered, factors = [], None
        if render_divisor:
            rows = replicas.first_rows(ops.shape(images)[0], render_divisor)
            chosen = self.one_hot(classes[:rows])
            seen = [inferred[:rows] for inferred in switches]
            rendered, factors = self.explain(images[:rows], chosen, seen, training)
        return EStep(
            logits=logits,
            classes=classes,
            switches=switches,
            messages=messages,
            rendered=rendered,
            reconstruction=rendered[0] if rendered else None,
            factors=factors,
        )

    def one_hot(self, classes):
        """Return classes (B,) as one-hot rows (B, num_classes)."""
        return ops.one_hot(classes, self.num_classes, dtype=self.compute_dtype)

    def choose(self, logits, labels=None):
        """Return the classes to render: the label where there is one, else ĉ."""
        classes = kernels.argmax(logits)
        if labels is None:
            return classes
        labels = ops.cast(labels, classes.dtype)
        return ops.where(labels >= 0, labels, classes)

    def render(self, classes, switches=None, *, style=None):
        """Render images of chosen classes with chosen nuisances (5)-(7).

        Args:
            classes: integers (B,).
            switches: ĝ^(1..L) as `infer` returns them, of B images.
            style: u, (B, d), as `style` returns it, in place of switches: each switch
                is then the most probable one given u. It needs `fit_prior`.

        Returns:
            z^(0), images (B, H, W, C), a NumPy array.

        Raises:
            ValueError: a class is out of range, switches or style are not those of B
                images, or there is neither or both.
        """
        return self._rendered(classes, self._switches_of(classes, switches, style))

    def max_sum_score(self, x, batch_size=100):
        r"""Return ln p(I, ĉ, ĝ) of images, in nats.

        $$-\frac{D}{2} \ln 2\pi\sigma^2 - \frac{\|I - \hat I\|^2}{2\sigma^2} + \ln
        \pi_{\hat c} + \sum_\ell \sum_x \ln \pi_{\hat g_x^{(\ell)}}$$

        One configuration's share of p(I): a lower bound of ln p(I), no likelihood.

        Args:
            x: images (N, H, W, C), floats in `pixel_range`.
            batch_size: images at a time.

        Returns:
            (N,), a NumPy array.
        """

        def score(images, _):
            e_step, found = self._score(images)
            priors = zip(self.nuisance_priors, e_step.switches, strict=True)
            return found + sum(prior.log_prob(inferred) for prior, inferred in priors)

        return self._batched(score, x, batch_size)

    def count_free_parameters(self):
        r"""Count the free parameters, and those of the RMM that the model factorises.

        $$\textrm{deep} = \sum_{\ell=0}^{L} |G^{\ell+1}| D_\ell D_{\ell+1}, \qquad
        \textrm{shallow} = D\, |C^L| \prod_{\ell=1}^{L} |G^\ell|$$

        with $D_\ell$ units at level ℓ, $D_0 = D$ pixels, $|G^\ell| = 2 k^2$ choices of
        (t, a) at a location, $G^{L+1} = C^L$ and $D_{L+1} = 1$. Both take Λ_g as dense;
        the convolution shares most of these: `count_params()` counts what is stored.

        Returns:
            `FreeParameters`.

        Source: Patel, Nguyen, Baraniuk (2016), "Number of Free Parameters".
        """
        units = [math.prod(shape[1:]) for shape in self.message_shapes]
        nuisances = [2 * math.prod(level.pool.pool_size) for level in self.levels]
        dense = zip(nuisances, units, units[1:], strict=False)
        return FreeParameters(
            deep=sum(map(math.prod, dense)) + self.num_classes * units[-1],
            shallow=units[0] * self.num_classes * math.prod(nuisances),
        )

    @staticmethod
    def from_convnet(convnet, pixel_range=(0.0, 1.0)):
        """Return a DRMM that classifies as a stock convnet does, with its weights.

        See `keras_drmm.convert.from_convnet`.
        """
        from keras_drmm.convert import from_convnet

        return from_convnet(convnet, pixel_range)

    def to_convnet(self):
        """Return the convnet that classifies as this model does, with its weights.

        The discriminative counterpart (44): a functional model of stock Keras layers
        that gives the same logits and shares no variable with this model.

        Raises:
            ValueError: the model is signed.
        """
        from keras_drmm.convert import to_convnet

        return to_convnet(self)

    def learn_priors(self, e_step, labels=None, sample_weight=None):
        """Move π_c, π_g and σ² towards what a training batch has, on tensors.

        Args:
            e_step: the `EStep` of the batch; π_g and σ² see the rows that it rendered.
            labels: integers (B,), -1 for an unlabelled row, or None.
            sample_weight: (B,), how many rows each row counts as; None for 1.
        """
        rate = prior_rate(self.steps)
        if labels is not None:
            self.templates.update_prior(labels, rate, sample_weight)
        if e_step.reconstruction is None:
            return
        reconstruction = ops.cast(e_step.reconstruction, "float32")
        rows = ops.shape(reconstruction)[0]
        weights = None if sample_weight is None else sample_weight[:rows]
        switches = [inferred[:rows] for inferred in e_step.switches]
        update_together(self.learned_priors(switches), rate, weights)
        image = ops.cast(e_step.messages[0][:rows], "float32")
        squares = ops.mean(ops.square(image - reconstruction), axis=(1, 2, 3))
        found, seen = weighted_mean(squares, weights)
        variance = ops.convert_to_tensor(self.noise_variance)
        # A batch of weight 0 says nothing.
        step = ops.where(seen > 0, rate, 0.0) * (found - variance)
        if self.trainable:
            self.noise_variance.assign(variance + step)

    def learned_priors(self, seen):
        """Pair each prior of nuisances that may move with what was seen of its level.

        Args:
            seen: a list with an item for each level.

        Returns:
            A list of (prior, item); that of a frozen level is left out.
        """
        triples = zip(self.levels, self.nuisance_priors, seen, strict=True)
        return [
            (prior, item)
            for level, prior, item in triples
            if level.trainable and prior.trainable
        ]

    def from_the_top(self, switches):
        """Return (level, its switches) pairs, the coarsest first."""
        return zip(reversed(self.levels), reversed(switches), strict=True)

    def _standardize_switches(self, switches, rows):
        """Return `switches` as int8 arrays if `infer` could have returned them."""
        advice = "Take those that `infer` or `sample_switches` returns."
        maps = [tuple(p.probabilities.shape[1:]) for p in self.nuisance_priors]
        if not isinstance(switches, list | tuple) or len(switches) != len(maps):
            raise ValueError(
                f"`switches` must be a list of {len(maps)} arrays of shapes "
                f"{[('batch', *shape) for shape in maps]}, the finest level first, got "
                f"{describe(switches)}. {advice}"
            )
        return [
            standardize_integers(
                found,
                f"switches[{number}]",
                (rows, *shape),
                -1,
                prior.positions - 1,
                f"-1 is OFF. {advice}",
            ).astype("int8")
            for number, (found, shape, prior) in enumerate(
                zip(switches, maps, self.nuisance_priors, strict=True)
            )
        ]

    def _rendered(self, classes, switches, **factors):
        classes = as_array(classes, "classes")
        rows = len(classes) if classes.ndim else 1
        classes = standardize_classes(classes, rows, self.num_classes)
        switches = self._standardize_switches(switches, rows)
        images = []
        for part in row_parts(rows):
            given = [ops.convert_to_tensor(inferred[part]) for inferred in switches]
            some = {name: value[part] for name, value in factors.items()}
            z = self.top_down(self.one_hot(classes[part]), given, **some)
            images.append(ops.convert_to_numpy(z[0]))
        return np.concatenate(images)

    def _render_sample(self, classes, switches, random):
        """Render a sample of all that is random beside class and switches: nothing."""
        return self.render(classes, switches)

    def _score(self, x, y=None):
        """Return (the E-step, ln p(I, ĉ | ĝ)) of images; with y, of their labels."""
        e_step = self.infer(x, y, batch_size=len(x))
        score = self._log_likelihood(x, e_step.reconstruction)
        return e_step, score + np.log(self.prior)[e_step.classes]

    def get_config(self):
        return {
            **super().get_config(),
            "levels": keras.saving.serialize_keras_object(self.levels),
            "pooling": self.templates.pooling,
            "nonnegative": self.nonnegative,
            "alternations": self.alternations,
            "templates_initializer": keras.initializers.serialize(
                self.templates.templates_initializer
            ),
            "templates_regularizer": keras.regularizers.serialize(
                self.templates.templates_regularizer
            ),
        }

    @classmethod
    def _arguments_from(cls, config):
        levels = keras.saving.deserialize_keras_object(config["levels"])
        return {**config, "levels": levels}
