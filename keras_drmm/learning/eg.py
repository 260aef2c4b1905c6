"""EG: learning by an E-step and a gradient step."""

import math
from dataclasses import dataclass, fields

import keras
from keras import ops

from keras_drmm.learning import terms

_TERMS = (
    "cross_entropy",
    "reconstruction",
    "class_kl",
    "entropy",
    "marginal_kl",
    "nonnegativity",
    "consistency",
)


@keras.saving.register_keras_serializable(package="keras_drmm")
@dataclass(frozen=True)
class EG:
    r"""The generalised EM of Algorithm 1: E-step, then a gradient step (G-step).

    $$\textrm{E-step:}\ \hat c_n, \hat g_n = \arg\max_{c,g} \gamma_{ncg}$$

    $$\textrm{G-step:}\ \Delta\Lambda \propto -\nabla_\Lambda \mathcal{L}$$

    $$\mathcal{L} = \sum_k \beta_k \mathcal{L}_k$$

    The fields are the weights β of the terms in `keras_drmm.learning.terms`, which
    state their formulas; each term of weight above 0 is computed and logged under its
    name.

    Args:
        cross_entropy: of labelled rows; 0 learns without labels.
        reconstruction: of all rows, from ĉ (the label of a labelled row) and ĝ.
        class_kl: the ELBO's KL(q(c|I) || π_c), which flattens q.
        entropy: H(q(c|I)), which sharpens q: the other reading of the paper's KL.
        marginal_kl: KL(mean q(c|I) || π_c) over the batch, which keeps classes in use.
        nonnegativity: penalty on negative rendered templates.
        consistency: KL(q(c|I) || q(c|I')) of unlabelled rows, where `nuisance` makes
            I' of I: the posterior of the class must not see a nuisance. It is a mean
            over these rows, as cross_entropy is over the labelled ones: the fewer of
            them a batch has, the more each counts.
        nuisance: a Keras layer that changes images at random and not their classes,
            as `keras.layers.GaussianNoise(0.3)` does; with it, labelled rows are also
            classified as they look afterwards. None: images stay as they are.
        rows_per_render: n renders the first ceil(B / n) of a training batch's B rows,
            from which reconstruction and nonnegativity are then estimated: the
            top-down pass costs as much as the bottom-up pass.
        warmup_steps: training steps over which the weights of the terms that need no
            label rise from 0 to their value, so that labels lead first.

    Raises:
        ValueError: a weight is negative or not finite, or all are 0; `consistency` and
            `nuisance` are not given together.

    Example:

    >>> model.compile("adam", algorithm=EG(reconstruction=0.1, entropy=0.5))

    Source: Patel, Nguyen, Baraniuk (2016), Algorithm 1 and section 4.
    """

    cross_entropy: float = 1.0
    reconstruction: float = 0.5
    class_kl: float = 0.0
    entropy: float = 0.5
    marginal_kl: float = 1.0
    nonnegativity: float = 0.1
    consistency: float = 0.0
    nuisance: keras.Layer | None = None
    rows_per_render: int = 1
    warmup_steps: int = 0

    def __post_init__(self):
        for name in _TERMS:
            weight = getattr(self, name)
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(
                    f"`{name}` must be a finite weight of at least 0, got {weight!r}."
                )
        if not self.weights:
            raise ValueError("All terms have weight 0: nothing would be learned.")
        if (self.consistency > 0) != (self.nuisance is not None):
            raise ValueError(
                "`consistency` and `nuisance` belong together: give a weight above 0 "
                "and a layer, for example `EG(consistency=1.0, "
                "nuisance=keras.layers.GaussianNoise(0.3))`, or neither."
            )
        for name, least in (("rows_per_render", 1), ("warmup_steps", 0)):
            count = getattr(self, name)
            if not isinstance(count, int) or count < least:
                raise ValueError(
                    f"`{name}` must be an integer of at least {least}, got {count!r}."
                )

    @property
    def weights(self):
        """The weights above 0, by the name of their term."""
        named = {name: getattr(self, name) for name in _TERMS}
        return {name: weight for name, weight in named.items() if weight > 0}

    @property
    def needs_labels(self):
        """Whether the objective looks at labels."""
        return self.cross_entropy > 0

    def e_step(self, model, images, labels, training):
        """Infer ĉ and ĝ of a batch, and render as many rows as the objective looks at.

        Args:
            model: a rendering model.
            images: (B, H, W, C).
            labels: integers (B,), -1 for an unlabelled row, or None.
            training: whether the step trains; a test step renders every row.

        Returns:
            The batch's `EStep`.
        """
        rows_per_render = self.rows_per_render if training else 1
        if not (self.reconstruction or self.nonnegativity):
            rows_per_render = 0
        e_step = model.e_step(images, labels, training, rows_per_render)
        if self.nuisance is None or not training:
            return e_step
        disturbed = ops.clip(self.nuisance(images, training=True), *model.pixel_range)
        return e_step._replace(disturbed_logits=model.classify_disturbed(disturbed))

    def objective(self, e_step, labels, prior, step):
        """Return L and its terms for a batch.

        Args:
            e_step: the batch's `EStep`.
            labels: integers (B,), -1 for an unlabelled row, or None.
            prior: π_c, (num_classes,).
            step: how many training steps were taken.

        Returns:
            (L, {name of a term: its unweighted value}).
        """
        values = {
            name: getattr(terms, name)(e_step, labels, prior) for name in self.weights
        }
        ramp = 1.0
        if self.warmup_steps > 0:
            ramp = ops.minimum(ops.cast(step, "float32") / self.warmup_steps, 1.0)
        total = sum(
            (1.0 if name == "cross_entropy" else ramp) * weight * values[name]
            for name, weight in self.weights.items()
        )
        return total, values

    def get_config(self):
        config = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **config,
            "nuisance": keras.saving.serialize_keras_object(self.nuisance),
        }

    @classmethod
    def from_config(cls, config):
        nuisance = keras.saving.deserialize_keras_object(config.get("nuisance"))
        return cls(**{**config, "nuisance": nuisance})
