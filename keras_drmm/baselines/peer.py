"""Peer: how a peer meets Keras' fit, evaluate and predict."""

import math

import keras
import numpy as np
from keras import ops

from keras_drmm.layers import Level
from keras_drmm.models import checks
from keras_drmm.models.learner import Learner
from keras_drmm.models.trainer import Trainer


class Peer(Learner):
    """Base of the peers: a classifier that also learns from unlabelled rows.

    A subclass gives itself `image_shape` and `num_classes` and defines

    - `classify(images, training)`, which returns logits,
    - `passes(images, training)`, what the objective looks at, with its `logits`,
    - `terms(outputs, labels)`, the unweighted terms of the objective by name.

    Args:
        weights_of_terms: {name of a term: its weight}. Terms of weight 0 are left out,
            each of the others is logged under its name.
        **kwargs: `name`, `dtype` of `keras.Model`.
    """

    def __init__(self, weights_of_terms, **kwargs):
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
                and are 0 where there is none.
            jit_compile: as in Keras; "auto" leaves TensorFlow on a CPU to its own
                convolutions, which are faster there than XLA's.
            **kwargs: further arguments of `keras.Model.compile`.

        Raises:
            ValueError: a `loss` is given.
        """
        if kwargs.get("loss") is not None:
            raise ValueError(
                f"{type(self).__name__} has an objective of its own: compile it "
                "without `loss`, and give its weights when you make the model."
            )
        self._compile(
            BaselineTrainer(self), optimizer, metrics, jit_compile, {}, **kwargs
        )

    def count_step(self):
        """Take note of a training step, where terms depend on how many there were."""

    def fit(self, x=None, y=None, *args, **kwargs):
        """Learn; see `keras.Model.fit`.

        Args:
            x: images, floats, or a data set of (images, labels) batches.
            y: integer labels, -1 for an unlabelled row; None with a data set.
            *args: further arguments of `keras.Model.fit`.
            **kwargs: further arguments of `keras.Model.fit`.

        Raises:
            ValueError: images or labels are not what the model takes, or no row is
                labelled. Arrays are checked whole, data sets by their first batch.
        """
        any_value = (-math.inf, math.inf)
        checks.check_data(x, y, self.image_shape, any_value, self.num_classes)
        if hasattr(x, "shape") and (y is None or np.max(ops.convert_to_numpy(y)) < 0):
            raise ValueError("No row is labelled: give some rows a label from 0 on.")
        return super().fit(x, y, *args, **kwargs)


class BaselineTrainer(Trainer):
    """A baseline's objective, the weighted sum of its terms.

    Args:
        model: the `Baseline`.
    """

    def __init__(self, model):
        super().__init__(model)
        self.terms = tuple(model.weights_of_terms)

    def e_step(self, images, labels, training):
        return self.model.passes(images, training)

    def objective(self, e_step, labels, training):
        values = self.model.terms(e_step, labels)
        weights = self.model.weights_of_terms
        total = sum(weight * values[name] for name, weight in weights.items())
        if training:
            self.model.count_step()
        return total, {name: values[name] for name in self.terms}

    def train_step(self, *args):
        if args[-1][2] is not None:
            raise ValueError("Rows have no weights here: leave `sample_weight` out.")
        return super().train_step(*args)


def copy_levels(levels):
    """Return new levels of the same configuration, with weights of their own.

    Raises:
        ValueError: `levels` is empty or holds something else than a `Level`.
    """
    levels = list(levels)
    if not levels or not all(isinstance(level, Level) for level in levels):
        raise ValueError(f"`levels` must be one or more `Level`s, got {levels!r}.")
    return [Level.from_config(level.get_config()) for level in levels]


def serialize_levels(levels):
    """Return what `deserialize_levels` makes levels of."""
    return [keras.saving.serialize_keras_object(level) for level in levels]


def deserialize_levels(config):
    """Return a model's configuration with its levels instead of theirs."""
    levels = [keras.saving.deserialize_keras_object(v) for v in config["levels"]]
    return {**config, "levels": levels}


def standardize_amount(value, name):
    """Return `value` as a float if it is finite and at least 0."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ValueError(f"`{name}` must be a number, got {value!r}.")
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"`{name}` must be finite and at least 0, got {value!r}.")
    return float(value)
