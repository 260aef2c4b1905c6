"""EMTrainer: EM inside Keras' training loop."""

import math
from abc import abstractmethod
from contextlib import nullcontext
from types import MappingProxyType
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_drmm.em.contract import ExpectationMaximization
from keras_drmm.layers import replicas
from keras_drmm.layers.weighting import weighted_mean
from keras_drmm.models.trainer import Trainer
from keras_drmm.models.usage import Usage

# Rows of a data set that EM's starting point is made from.
INITIAL_ROWS = 5000


class EMTrainer(ExpectationMaximization, Trainer):
    """Base of the trainers of EM: a batch is an E-step, an epoch ends with an M-step.

    The statistics are Keras metrics, as they are sums over the batches of an epoch, and
    no saved model has them.

    Args:
        model: the model that learns.
        algorithm: a `HardEM` or `SoftEM`.
    """

    weights = MappingProxyType({"loss": 1.0})
    remedy = (
        "Start from other parameters, for example by `model.initialize(x, y)`, or "
        "scale the images."
    )
    by_gradients = False
    shares_batches = True

    def __init__(self, model, algorithm):
        super().__init__(model)
        self.algorithm = algorithm
        # Sweeps of this `fit`, and of the sweep under way the batches that M-steps have
        # used.
        self.sweeps = self.used = 0
        # What M-steps of an epoch counted.
        self.usage = Usage()

    @abstractmethod
    def learned_variables(self):
        """Return the variables that M-steps change and EG would learn."""

    @abstractmethod
    def m_step(self, logs=None):
        """Set the parameters to their closed forms and forget the statistics.

        Args:
            logs: of the sweep, measured of the weights that it began with.

        Returns:
            What to log in their place, or None.
        """

    def objective(self, e_step, labels, sample_weight, training):
        """Return what falls with each sweep, which is the whole loss."""
        evidence, rows = weighted_mean(e_step.evidence, sample_weight)
        return {"loss": (-evidence, rows)}

    def train_step(self, *args):
        """Run the E-step on a batch and add its statistics to those of the sweep."""
        *state, data = args
        if not state:
            return self._learn(*data)
        # JAX: variables are read from and written to a scope, and no others.
        groups = (
            self.model.trainable_variables,
            self.model.non_trainable_variables,
            self.model.optimizer.variables,
            self.model.metrics_variables,
        )
        values = [
            pair
            for group, found in zip(groups, state[0], strict=True)
            for pair in zip(group, found, strict=True)
        ]
        with keras.StatelessScope(state_mapping=values) as scope:
            logs = self._learn(*data)
        return logs, tuple(
            [scope.get_current_value(variable) for variable in group]
            for group in groups
        )

    def _learn(self, inputs, labels, sample_weight):
        model = self.model
        with _no_graph():
            # Through the model, which casts weights for mixed precision.
            e_step = model(inputs, training=False)
            self.accumulate(e_step.statistics, sample_weight)
            model.compute_loss(inputs, labels, e_step, sample_weight)
            return model.compute_metrics(inputs, labels, e_step, sample_weight)

    def prepare(self, rows, steps, initial_epoch, epochs):
        """Initialize the model from the data if it has learned nothing yet.

        Raises:
            ValueError: `compile(steps_per_execution=...)` leaves no moment for an
                M-step where the algorithm asks for one, this process has a part of
                the rows to initialize from, or one variable of a layer is frozen.
        """
        frozen = [v.path for v in self.learned_variables() if not v.trainable]
        if frozen:
            raise ValueError(
                f"EM moves the variables of a layer together, but `trainable` of "
                f"{frozen[0]!r} is False: set that of its layer, or learn by `EG()`."
            )
        batches = self.algorithm.batches_per_m_step
        together = self.model.steps_per_execution
        if batches is not None and (together == "auto" or batches % together):
            raise ValueError(
                f"An M-step after each {batches} batches cannot be taken within an "
                f"execution of `steps_per_execution={together}` of them: give "
                "`compile` a divisor of `batches_per_m_step`."
            )
        if not self.model.initialized:
            if replicas.sees_part():
                raise ValueError(
                    "Processes of JAX have different rows, and replicas must not begin "
                    "with different weights: call `model.initialize(x, y, seed=0)` on "
                    "the same images in each process before `fit`."
                )
            self.model.initialize(*rows.first(INITIAL_ROWS))

    def check_single_batch(self):
        raise ValueError(
            f"{type(self.algorithm).__name__} learns by sweeps over all rows, not from "
            "a single batch: call `fit`, which takes a data set or a generator too."
        )

    def first_callbacks(self):
        """Return the callback that leaves the weights as the last log describes them.

        `EarlyStopping` then puts others in their place.
        """
        return [keras.callbacks.LambdaCallback(on_train_end=lambda _: self.end_fit())]

    def callbacks(self):
        """Return the callback that runs the M-step."""
        return [_MStep(self)]

    def state(self):
        return {"sweeps": self.sweeps, "used": self.used}

    def restore(self, state):
        self.sweeps, self.used = int(state["sweeps"]), int(state["used"])

    def begin_fit(self):
        """Get ready for the first sweep of a `fit`."""

    def end_fit(self):
        """Leave the weights as the last log describes them."""


class Expectation(NamedTuple):
    """What an EM algorithm learns from a batch: its objective and what to add up.

    Attributes:
        logits: (B, num_classes), of the unclamped rows, for metrics.
        evidence: (B,), what EM maximises for each image, in nats: ln p(I), or ln p(I,
            c) of a labelled row, for soft EM; the max-sum score for hard EM.
        statistics: what the trainer's `accumulate` makes sufficient statistics of.

    Source: Patel, Nguyen, Baraniuk (2016), Appendix B.1, B.2.
    """

    logits: Any
    evidence: Any
    statistics: Any


class _MStep(keras.callbacks.Callback):
    """Runs a trainer's M-step on what the E-steps of an epoch added up.

    `fit` adds it after the callbacks of the user: these see the weights that the logs
    of the epoch describe, so that `EarlyStopping` restores the best ones measured.

    Args:
        trainer: the `EMTrainer`. Its algorithm says whether an M-step also follows
            each few batches.

    Raises:
        FloatingPointError: objective, statistics or what an M-step made of them are not
            finite. The weights are then those before that M-step.

    Warns:
        UserWarning: at the end, of classes and templates that the last epoch did not
            use.
    """

    def __init__(self, trainer):
        super().__init__()
        self.trainer = trainer
        self.batches = trainer.algorithm.batches_per_m_step

    def on_train_begin(self, logs=None):
        self.trainer.sweeps = 0
        self.trainer.begin_fit()

    def on_epoch_begin(self, epoch, logs=None):
        # An interrupted sweep leaves statistics of a part of the data.
        self.trainer.reset_statistics()
        self.trainer.usage.forget()
        self.seen = self.trainer.used = 0

    def on_train_batch_end(self, batch, logs=None):
        # `steps_per_execution` tells of several batches at once.
        self.seen = batch + 1
        if self.seen - self.trainer.used == self.batches:
            # JAX's trainer keeps weights of its own within an epoch.
            if keras.backend.backend() == "jax":
                self.model.jax_state_sync()
            self._run(logs, f"up to batch {batch + 1}")

    def on_epoch_end(self, epoch, logs=None):
        self.trainer.sweeps += 1
        if self.seen > self.trainer.used:
            self._run(logs, f"of epoch {epoch + 1}")

    def on_train_end(self, logs=None):
        self.trainer.usage.warn()

    def _run(self, logs, when):
        objective = float((logs or {}).get("loss", math.nan))
        sums = [v for metric in self.trainer.metrics for v in metric.variables]
        if not math.isfinite(objective):
            self._stop(f"The objective {when} is {objective}")
        self._check(sums, f"The statistic `{{}}` of the sweep {when} is not finite")
        kept = [(variable, ops.copy(variable)) for variable in self.model.variables]
        # What whole sweeps measured; in their middle Keras' running means stay.
        logs.update(self.trainer.m_step(logs) or {})
        self._check(
            self.model.variables,
            f"The M-step {when} made the variable `{{}}` not finite",
            kept,
        )
        self.trainer.used = self.seen

    def _check(self, variables, message, kept=()):
        """Stop if one of the variables is not finite, with its name in the message."""
        for variable in variables:
            if "float" in variable.dtype and not ops.all(ops.isfinite(variable)):
                self._stop(message.format(variable.path), kept)

    def _stop(self, message, kept=()):
        """Give the variables back the values that were kept, and raise."""
        self.trainer.reset_statistics()
        for variable, value in kept:
            variable.assign(value)
        raise FloatingPointError(
            f"{message}: what the model renders is too large for its numbers. The "
            f"weights are those before that M-step. {self.trainer.remedy}"
        )


def _no_graph():
    """Return a context in which PyTorch records no operation for gradients."""
    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    return torch.no_grad()
