"""DRFM: the Deep Rendering Factor Model."""

import math

import keras
import numpy as np
from keras import ops

from keras_drmm import kernels
from keras_drmm.layers import FactorTemplates, deprecation
from keras_drmm.layers.arguments import (
    as_array,
    describe,
    standardize_classes,
    standardize_integer,
)
from keras_drmm.layers.level import standardize_levels
from keras_drmm.models.drmm import DRMM


@deprecation.removed_arguments(solver_steps="the factors are exact")
@deprecation.renamed_attributes(loadings="factor_templates.templates")
@deprecation.renamed_arguments(factors="num_factors")
@deprecation.reordered_arguments("levels", "num_classes", "input_shape")
@keras.saving.register_keras_serializable(package="keras_drmm")
class DRFM(DRMM):
    r"""The Deep Rendering Factor Model: a DRMM with Gaussian factors on top.

    A class no longer has one template but a Gaussian family of them, around its own:

    $$z^{(L+1)} \sim \mathcal{N}(0, 1_d), \qquad
    z^{(L)} = \Lambda^{(L+1)} z^{(L+1)} + \mu_c$$

    and z^(L) renders as in `DRMM`, without the ReLU on z, so that given class and
    switches the image is Gaussian. The switches are inferred bottom-up (42), (43), and
    then the factors by their posterior mean, with A = Λ_ĝ^(1) .. Λ_ĝ^(L) Λ^(L+1):

    $$\hat z^{(L+1)} = (A^T A + \sigma^2 1)^{-1} A^T
    (I - \Lambda_{\hat g} \mu_{\hat c})$$

    A's columns are those of Λ^(L+1), rendered at the switches. Like ĝ, ẑ^(L+1) carries
    no gradient.

    Λ^(L+1) is the same for all classes. Gaussian classes that share a covariance are
    told apart by a linear function of the message, so classification stays as in
    `DRMM`.

    Args:
        levels: list of `Level`, the finest first, without `top_down_batch_norm`.
        input_shape: (H, W, C) of an image.
        num_classes: number of classes.
        num_factors: d, the number of factors.
        pooling: of the `ClassTemplates` on top, "mean" or None.
        pixel_range: (lowest, highest) value of a pixel.
        templates_initializer: of the class templates μ_c.
        **kwargs: `templates_regularizer` of `DRMM`; `name`, `dtype` of `keras.Model`.

    Raises:
        ValueError: an argument is out of range, or a level normalises top-down, which
            would not be linear.

    Example:

    >>> levels = [Level(8, 3, pool_size=2), Level(16, 3)]
    >>> model = DRFM(levels, (8, 8, 1), num_classes=3, num_factors=4)
    >>> model.infer(np.random.rand(2, 8, 8, 1)).factors.shape
    (2, 4)

    Source: Patel, Nguyen, Baraniuk (2016), section 3.2, "Factor Model".
    """

    def __init__(
        self,
        levels,
        input_shape,
        num_classes,
        num_factors=32,
        pooling=None,
        pixel_range=(0.0, 1.0),
        templates_initializer="glorot_uniform",
        **kwargs,
    ):
        if kwargs.keys() & {"nonnegative", "alternations"}:
            raise TypeError(
                "A factor model has no argument `nonnegative` or `alternations`, got "
                f"{kwargs}: its z has both signs, and is rendered as it is."
            )
        # All that may fail comes before a model takes its levels.
        num_factors = standardize_integer(num_factors, "num_factors")
        for level in standardize_levels(levels):
            if level.top_down_batch_norm is not None:
                raise ValueError(
                    f"Level `{level.name}` has `top_down_batch_norm`: a factor model "
                    "renders linearly. Leave it off."
                )
        super().__init__(
            levels,
            input_shape,
            num_classes,
            pooling=pooling,
            pixel_range=pixel_range,
            templates_initializer=templates_initializer,
            **kwargs,
        )
        self.factor_templates = FactorTemplates(
            num_factors, dtype=self.dtype_policy, name="factor_templates"
        )
        self.factor_templates.build(self.message_shapes[-1])
        self._freeze_parts()

    # z has both signs, and is rendered as it is.
    rectifies = False

    @property
    def num_factors(self):
        """d, the number of factors."""
        return self.factor_templates.num_factors

    def top_down(self, classes, switches, training=False, factors=None):
        """Render ẑ^(0..L) of one-hot classes, ĝ and factors (B, d), None for 0."""
        z = self.templates.render(classes)
        if factors is not None:
            z = z + self.factor_templates.render(factors)
        return self.render_down(z, switches, training)

    def infer_factors(self, images, classes, switches):
        """Return the posterior mean ẑ^(L+1) given one-hot classes and switches, (B, d).

        Args:
            images: (B, H, W, C).
            classes: one-hot, (B, num_classes).
            switches: ĝ^(1..L).
        """
        d, pixels = self.num_factors, math.prod(self.image_shape)
        variance = ops.convert_to_tensor(self.noise_variance)

        def posterior_mean(row):
            residual, inferred = row
            same = [ops.repeat(s[None], d, axis=0) for s in inferred]
            # (d, H, W, C) -> (d, H * W * C)
            columns = templates
            for level, found in self.from_the_top(same):
                columns = level.render.call(columns, found)
            a_transposed = ops.cast(ops.reshape(columns, (d, pixels)), "float32")
            precision = ops.matmul(a_transposed, ops.transpose(a_transposed))
            precision = precision + variance * ops.eye(d)
            return ops.solve(precision, ops.matmul(a_transposed, residual))

        with kernels.without_gradient():
            templates = self.factor_templates.render(
                ops.eye(d, dtype=self.compute_dtype)
            )
            residual = images - self.top_down(classes, switches)[0]
            residual = ops.cast(ops.reshape(residual, (-1, pixels)), "float32")
            # Row by row: A takes d times an image's memory.
            factors = ops.map(posterior_mean, (residual, list(switches)))
        return ops.stop_gradient(ops.cast(factors, self.compute_dtype))

    def explain(self, images, classes, switches, training=False):
        """Infer the factors and render: (ẑ^(0..L), ẑ^(L+1))."""
        factors = self.infer_factors(images, classes, switches)
        return self.top_down(classes, switches, training, factors), factors

    def render(self, classes, switches=None, factors=None, *, style=None):
        """Render images of chosen classes, nuisances and factors.

        Args:
            classes: integers (B,).
            switches: ĝ^(1..L) as `infer` returns them, of B images.
            factors: z^(L+1), (B, d), None for those that go with the style, or 0, the
                middle of each class, without one.
            style: as of `DRMM.render`.

        Returns:
            z^(0), images (B, H, W, C), a NumPy array.

        Raises:
            ValueError: a class is out of range, or switches or factors are not those
                of B images.
        """
        switches = self._switches_of(classes, switches, style)
        wanted = (np.size(classes), self.num_factors)
        if factors is None and style is None:
            factors = np.zeros(wanted)
        if factors is None:
            rows = standardize_classes(classes, wanted[0], self.num_classes)
            factors = self._switch_prior.factors.mean(style, rows)
        factors = as_array(factors, "factors")
        if factors.shape != wanted:
            raise ValueError(
                f"`factors` must be {wanted}, a row for each image, got shape "
                f"{factors.shape}."
            )
        if not np.isfinite(factors).all():
            raise ValueError(
                "`factors` must be finite, got NaN or infinite values in "
                f"{describe(factors)}."
            )
        return self._rendered(
            classes,
            switches,
            factors=ops.convert_to_tensor(factors, self.compute_dtype),
        )

    def get_config(self):
        config = super().get_config()
        # A factor model has no signs to alternate for.
        del config["nonnegative"], config["alternations"]
        return {
            **config,
            "num_factors": self.num_factors,
        }

    def _render_sample(self, classes, switches, random):
        factors = random.normal(size=(len(switches[0]), self.num_factors))
        return self.render(classes, switches, factors)

    def _score(self, x, y=None):
        # The density of ẑ^(L+1) joins those of (ĉ, ĝ).
        e_step, score = super()._score(x, y)
        squares = np.square(np.float64(e_step.factors)).sum(axis=1)
        return e_step, score - 0.5 * (self.num_factors * np.log(2 * np.pi) + squares)
