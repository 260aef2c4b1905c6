"""EG: learning by an E-step and a gradient step."""

from dataclasses import dataclass, fields, replace

import keras
from keras import ops

from keras_drmm.layers import replicas
from keras_drmm.layers.arguments import standardize_integer, standardize_number
from keras_drmm.layers.augmentation import (
    augment,
    check_data_format,
    check_is_augmentation,
    check_keeps_shape,
    check_value_range,
)
from keras_drmm.layers.deprecation import renamed_arguments
from keras_drmm.learning import terms
from keras_drmm.learning.usage_watch import ClassCounts, UsageWatch
from keras_drmm.learning.warmup import Warmup
from keras_drmm.models.rates import follow_fit
from keras_drmm.models.trainer import Trainer

# The longest warm-up.
WARMUP_STEPS = 1000
_TERMS = (
    "cross_entropy",
    "reconstruction",
    "class_kl",
    "entropy",
    "marginal_kl",
    "nonnegativity",
    "consistency",
)
_DIVISORS = ("augmentation_divisor", "render_divisor")


@renamed_arguments(nuisance="augmentation", rows_per_render="render_divisor")
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
        consistency: KL(q(c|I) || q(c|I')) of unlabelled rows, where `augmentation`
            turns I into I': the posterior of the class must not change with it. It is
            a mean over these rows, as cross_entropy is over the labelled ones: the
            fewer of them a batch has, the more each counts.
        augmentation: a Keras layer that changes images at random but not their
            classes, as `keras.layers.GaussianNoise(0.3)` does; with it, labelled rows
            are classified both as they are and as they look afterwards. None leaves
            images as they are.
        augmentation_divisor: n augments the first ceil(B / n) of a training batch's B
            rows, from which consistency is then estimated: each augmented row costs as
            much as one of the batch itself. 1 without an augmentation.
        render_divisor: n renders the first ceil(B / n) of a training batch's B rows,
            from which reconstruction and nonnegativity are then estimated: the
            top-down pass costs as much as the bottom-up pass. 1 where both have
            weight 0.
        warmup_steps: the number of training steps over which the weights of the terms
            that need no label rise from 0 to their value, so that labels lead first.
            None takes a third of the steps of `fit`, and at most 1,000.

    Raises:
        ValueError: a weight is no number, negative or not finite, or all are 0;
            `consistency` and `augmentation` are not given together; a divisor has
            nothing to divide; another argument is out of range.
        TypeError: an argument is not known.

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
    augmentation: keras.Layer | None = None
    augmentation_divisor: int = 1
    render_divisor: int = 1
    warmup_steps: int | None = 0

    def __post_init__(self):
        for name in _TERMS:
            self._set(name, standardize_number(getattr(self, name), name, least=0))
        if self.augmentation is not None:
            check_is_augmentation(self.augmentation, "augmentation", ", or None")
        if not self.weights:
            raise ValueError("All terms have weight 0: nothing would be learned.")
        if (self.consistency > 0) != (self.augmentation is not None):
            raise ValueError(
                "`consistency` and `augmentation` belong together: give a weight above "
                "0 and a layer, for example `EG(consistency=1.0, "
                "augmentation=keras.layers.GaussianNoise(0.3))`, or neither."
            )
        for name, least in (
            ("augmentation_divisor", 1),
            ("render_divisor", 1),
            ("warmup_steps", 0),
        ):
            count = getattr(self, name)
            # The warm-up may follow `fit`.
            if name != "warmup_steps" or count is not None:
                self._set(name, standardize_integer(count, name, least))
        for name, used, what in self._divided():
            if getattr(self, name) != 1 and not used:
                raise ValueError(
                    f"`{name}={getattr(self, name)}` has nothing to divide: give {what}"
                    f", or `{name}=1`."
                )

    def _divided(self):
        """Return for each divisor whether it has an effect, and what gives it one."""
        renders = self.reconstruction > 0 or self.nonnegativity > 0
        needed = "`augmentation`", "`reconstruction` or `nonnegativity` a weight"
        return zip(
            _DIVISORS, (self.augmentation is not None, renders), needed, strict=True
        )

    def _set(self, name, value):
        # The fields are frozen for users.
        object.__setattr__(self, name, value)

    @property
    def weights(self):
        """The weights above 0, by the name of their term."""
        named = {name: getattr(self, name) for name in _TERMS}
        return {name: weight for name, weight in named.items() if weight > 0}

    @property
    def needs_labels(self):
        """Whether the objective looks at labels."""
        return self.cross_entropy > 0

    def bind(self, model):
        """Return the trainer that makes `model` learn by this objective.

        Raises:
            ValueError: the model cannot classify augmented images, or augmented images
                have another shape, format or range of pixels.
        """
        if self.augmentation is not None:
            if not hasattr(model, "classify_augmented"):
                raise ValueError(
                    f"{type(model).__name__} learns without augmentation, got "
                    f"`consistency={self.consistency}` and "
                    f"`augmentation={self.augmentation!r}`: leave both out."
                )
            check_keeps_shape(self.augmentation, "augmentation", model.image_shape)
            check_value_range(self.augmentation, "augmentation", model.pixel_range)
            data_format = model.levels[0].data_format
            check_data_format(self.augmentation, "augmentation", data_format)
        return EGTrainer(model, self)

    def get_config(self):
        config = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **config,
            "augmentation": keras.saving.serialize_keras_object(self.augmentation),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("augmentation", "nuisance"):
            if name in config:
                config[name] = keras.saving.deserialize_keras_object(config[name])
        # Files of earlier versions have divisors of what is not there.
        divisors = {name: config.pop(name, 1) for name in _DIVISORS}
        algorithm = cls(**config)
        used = {name: divisors[name] for name, used, _ in algorithm._divided() if used}
        return replace(algorithm, **used)


class EGTrainer(Trainer):
    """EG at work on a model: Algorithm 1 on a batch.

    Args:
        model: a rendering model.
        algorithm: the `EG`.
    """

    shares_batches = True

    def __init__(self, model, algorithm):
        super().__init__(model)
        self.algorithm = algorithm
        self.weights = algorithm.weights
        self._warmup = Warmup(algorithm.warmup_steps or 0)
        if algorithm.augmentation is not None:
            self.layers = (algorithm.augmentation,)
        # Labels keep classes in use.
        self._class_counts = None
        if not algorithm.needs_labels:
            self._class_counts = ClassCounts(model.num_classes)
            self.metrics = (self._class_counts,)

    def e_step(self, images, labels, training):
        """Infer ĉ and ĝ, render and augment as many rows as the objective looks at.

        A test step renders and augments every row, by the same noise in each batch.
        """
        eg, model = self.algorithm, self.model
        render_divisor = eg.render_divisor if training else 1
        if not (eg.reconstruction or eg.nonnegativity):
            render_divisor = 0
        e_step = model.e_step(images, labels, training, render_divisor)
        if eg.augmentation is None:
            return e_step
        if training:
            rows = ops.shape(images)[0]
            images = images[: replicas.first_rows(rows, eg.augmentation_divisor)]
        augmented = augment(eg.augmentation, images, training)
        augmented = ops.clip(augmented, *model.pixel_range)
        logits = model.classify_augmented(augmented, training)
        return e_step._replace(augmented_logits=logits)

    def objective(self, e_step, labels, sample_weight, training):
        """Return the terms of Σ β · ramp · term; the G-step is a gradient step on it.

        In a training step the priors move towards what the E-step inferred.
        """
        if training:
            self.model.learn_priors(e_step, labels, sample_weight)
            if self._class_counts is not None:
                self._class_counts.update_state(e_step.logits, sample_weight)
        prior = self.model.class_prior
        return {
            name: getattr(terms, name)(e_step, labels, sample_weight, prior)
            for name in self.weights
        }

    def ramp(self, name):
        """Return 1 for the labels' term, and what has risen to 1 for the others."""
        if name == "cross_entropy" or self.algorithm.warmup_steps == 0:
            return 1.0
        return self._warmup.share(self.model.steps)

    def prepare(self, rows, steps, initial_epoch, epochs):
        """Let the learning rate and the warm-up follow the steps of this `fit`."""
        rises = self.algorithm.warmup_steps is None
        steps = follow_fit(self.model, steps, initial_epoch, epochs, rises)
        if rises:
            self._warmup.follow(epochs * steps, WARMUP_STEPS)

    def callbacks(self):
        return [UsageWatch(self._class_counts)]

    @property
    def fit_variables(self):
        return [self._warmup.steps, *super().fit_variables]

    def end_step(self, one):
        if self.model.trainable:
            self.model.steps.assign_add(ops.cast(one, self.model.steps.dtype))
