"""EMTrainer: EM inside Keras' training loop."""

from contextlib import nullcontext
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from keras_drmm.em.contract import ExpectationMaximization
from keras_drmm.em.m_step import MStep
from keras_drmm.layers.weighting import weighted_mean
from keras_drmm.models.trainer import Trainer

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

    weights: ClassVar = {"loss": 1.0}

    def __init__(self, model, algorithm):
        super().__init__(model)
        self.algorithm = algorithm

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

    def prepare(self, x, y, validation_split):
        """Initialize the model from the data if it has learned nothing yet."""
        if not self.model.initialized:
            self.model.initialize(*_initial_rows(x, y, validation_split))

    def callbacks(self):
        """Return the callback that runs the M-step."""
        return [MStep(self)]

    def begin_fit(self):
        """Get ready for the first sweep of a `fit`."""

    def end_fit(self, sweeps):
        """Leave the weights as the last log describes them.

        Args:
            sweeps: how many there were.
        """


def array(variable):
    """Return a variable as an array of float64."""
    return ops.convert_to_numpy(variable).astype("float64")


def _no_graph():
    """Return a context in which PyTorch records no operation for gradients."""
    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    return torch.no_grad()


def _initial_rows(x, y, validation_split):
    """Return training rows (images, labels or None) to initialize from, as arrays.

    Of arrays all that are not kept for validation, of a data set the first
    `INITIAL_ROWS` or, if a batch has more, its first batch.
    """
    if hasattr(x, "shape"):
        rows = int(len(x) * (1 - validation_split))
        return x[:rows], None if y is None else y[:rows]
    if hasattr(x, "__next__"):
        raise ValueError(
            "A generator's rows can be read only once: call `model.initialize(x, y)` "
            "on some of them before `fit`."
        )
    if isinstance(x, keras.utils.PyDataset):
        # An endless data set has no number of batches.
        batches = (x[index] for index in range(x.num_batches or INITIAL_ROWS))
    else:
        batches = iter(x)
    images, labels = [], []
    for batch in batches:
        batch = batch if isinstance(batch, tuple | list) else (batch,)
        images.append(ops.convert_to_numpy(batch[0]))
        if len(batch) > 1 and batch[1] is not None:
            labels.append(ops.convert_to_numpy(batch[1]).reshape(-1))
        if sum(map(len, images)) >= INITIAL_ROWS:
            break
    return np.concatenate(images), np.concatenate(labels) if labels else None
