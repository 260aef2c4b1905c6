"""Baseline: what the baselines share, so that fit, evaluate and predict work."""

import keras

from keras_drmm.layers.arguments import check_keywords
from keras_drmm.layers.augmentation import (
    check_data_format,
    check_is_augmentation,
    check_keeps_shape,
)
from keras_drmm.layers.level import standardize_levels
from keras_drmm.layers.output_checks import check_gives_logits
from keras_drmm.models import checks
from keras_drmm.models.learner import Learner
from keras_drmm.models.trainer import Trainer


class Baseline(Learner):
    """Base of the baselines: a classifier that also learns from unlabelled rows.

    A subclass sets `image_shape` and `num_classes` and defines

    - `classify(images, training)`, which returns logits,
    - `passes(images, training)`, which returns what the objective needs, including
      `logits`,
    - `terms(outputs, labels, sample_weight)`, which returns the unweighted terms of the
      objective by name: (value, weight of the rows that it is about).

    Args:
        weights_of_terms: {name of a term: its weight}. Terms with weight 0 are left
            out; each of the others is logged under its name.
        **kwargs: `name`, `dtype` of `keras.Model`.
    """

    def __init__(self, weights_of_terms, **kwargs):
        check_keywords(type(self), kwargs)
        super().__init__(**kwargs)
        self.weights_of_terms = {
            name: weight for name, weight in weights_of_terms.items() if weight > 0
        }

    def compile(
        self, optimizer="adam", metrics=("accuracy",), jit_compile="auto", **kwargs
    ):
        """Configure learning; the objective is the model's own.

        Args:
            optimizer: a Keras optimizer or its name.
            metrics: Keras metrics of labels and logits. They see labelled rows only,
                and are NaN where there is none.
            jit_compile: as in Keras; "auto" leaves TensorFlow on a CPU to its own
                convolutions, which are faster there than XLA's.
            **kwargs: further arguments of `keras.Model.compile`.

        Raises:
            ValueError: a `loss` or `algorithm` was given, or an argument is out of
                range.
            TypeError: an argument is not known.
        """
        for name in ("loss", "algorithm"):
            if kwargs.pop(name, None) is not None:
                raise ValueError(
                    f"{type(self).__name__} has an objective of its own. Compile it "
                    f"without `{name}`; the weights of its terms are arguments of the "
                    "model."
                )
        self._compile(
            BaselineTrainer(self), optimizer, metrics, jit_compile, {}, **kwargs
        )

    def count_step(self, one):
        """Count a training step, in models whose terms depend on their number."""

    def ramp(self, name):
        """Return the share of its weight that a term has in this training step."""
        return 1.0

    def check_data(self, x, y=None, learning=False):
        return checks.standardize_data(
            x, y, self.image_shape, self.pixel_range, self.num_classes, learning
        )


class BaselineTrainer(Trainer):
    """A baseline's objective, the weighted sum of its terms.

    Args:
        model: the `Baseline`.
    """

    def __init__(self, model):
        super().__init__(model)
        self.weights = model.weights_of_terms

    def e_step(self, images, labels, training):
        return self.model.passes(images, training)

    def objective(self, e_step, labels, sample_weight, training):
        values = self.model.terms(e_step, labels, sample_weight)
        return {name: values[name] for name in self.weights}

    def ramp(self, name):
        return self.model.ramp(name)

    def end_step(self, one):
        self.model.count_step(one)


def copy_levels(levels):
    """Return new levels of the same configuration, with weights of their own.

    Raises:
        ValueError: `levels` is empty or holds something other than a `Level`.
    """
    return [level.fresh() for level in standardize_levels(levels)]


def check_augmentation(layer, name, network, otherwise=""):
    """Raise unless a layer can change the images of a network.

    Args:
        layer: the augmentation.
        name: of the argument that it is.
        network: that learns from what it changes.
        otherwise: what else the argument may be, in words.

    Raises:
        ValueError: it is no layer, or changes images of another shape or format.
    """
    check_is_augmentation(layer, name, otherwise)
    check_keeps_shape(layer, name, tuple(network.input_shape[1:]))
    formats = [v.data_format for v in network.layers if hasattr(v, "data_format")]
    # Of the images: later layers, such as Flatten, may see no channels any more.
    for data_format in formats[:1]:
        check_data_format(layer, name, data_format)


def check_network(network):
    """Raise unless a baseline can learn a network that it is given.

    Raises:
        ValueError: it is no built Keras model that returns rows of logits, or ends in
            a softmax.
    """
    if not isinstance(network, keras.Model) or not network.built:
        raise ValueError(f"`network` must be a built `keras.Model`, got {network!r}.")
    output = getattr(network, "output_shape", None)
    if not isinstance(output, tuple) or len(output) != 2 or output[1] is None:
        raise ValueError(
            "`network` must map (images) -> (batch, number of classes), but its output "
            f"is {output}. A model of another kind than a functional one may have a "
            "functional counterpart, as `DRMM.to_convnet()` gives."
        )
    check_gives_logits(network, "network")
