"""Trainer: what `compile` binds to a model, so that Keras' loop makes it learn."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import keras
from keras import ops

from keras_drmm.models.rates import follow_fit, following_rates


class Trainer(ABC):
    r"""How one model learns: what is inferred of a batch, and what is minimised.

    An algorithm makes a trainer for a model by `algorithm.bind(model)`, and
    `model.compile` keeps it. Its state is none of the model's: no saved model holds it.
    A training step minimises

    $$\mathcal{L} = \sum_k \beta_k r_k \mathcal{L}_k$$

    Args:
        model: the model that learns.

    Attributes:
        weights: {name of a term: its weight β}.
        metrics: Keras metrics whose variables a step may change.
        layers: layers whose random state Keras has to track.
        given: variables that `fit` reads and does not learn: with others it is
            another one.
        remedy: what to do if what it learns becomes NaN or infinite, a sentence.
        by_gradients: whether a step changes weights by gradients, and not by closed
            forms.
        shares_batches: whether replicas that see some rows each take the step of the
            whole batch.
    """

    weights: Mapping[str, float] = MappingProxyType({})
    metrics: tuple = ()
    layers: tuple = ()
    given: Sequence = ()
    remedy = (
        "Lower the learning rate, or clip gradients, for example by "
        "`keras.optimizers.Adam(1e-3, clipnorm=1.0)`."
    )
    by_gradients = True
    shares_batches = False

    def __init__(self, model):
        self.model = model

    @abstractmethod
    def e_step(self, images, labels, training):
        """Infer what the objective looks at.

        Args:
            images: a batch, (B, H, W, C).
            labels: integers (B,), -1 for an unlabelled row, or None.
            training: whether the batch is learned from.

        Returns:
            A named structure with `logits`, (B, num_classes).
        """

    @abstractmethod
    def objective(self, e_step, labels, sample_weight, training):
        """Return {name of a term: (its value, its weight in the mean over batches)}.

        Args:
            e_step: what `e_step` returned.
            labels: as of `e_step`.
            sample_weight: (B,), how many rows each row counts as, or None for 1.
            training: whether the batch is learned from.
        """

    def ramp(self, name):
        """Return r, the share of its weight that a term has in this training step."""
        return 1.0

    def train_step(self, *args):
        """Learn from a batch: by default Keras' gradient step on the objective.

        Args:
            *args: (data) on TensorFlow and PyTorch, (state, data) on JAX.
        """
        return keras.Model.train_step(self.model, *args)

    def end_step(self, one):
        """Count a training step, after its objective.

        Args:
            one: the number 1, a tensor.
        """
        return

    def prepare(self, rows, steps, initial_epoch, epochs):
        """Get ready for a `fit`: by default a learning rate may follow it.

        Args:
            rows: the `TrainingRows`.
            steps: in an epoch, None if that is not known.
            initial_epoch: as of `fit`.
            epochs: as of `fit`.
        """
        follow_fit(self.model, steps, initial_epoch, epochs)

    def check_single_batch(self):
        """Raise a ValueError unless a single batch can be learned from."""
        return

    @property
    def fit_variables(self):
        """What `prepare` sets for the steps, a list of Keras variables."""
        rates = following_rates(self.model.optimizer)
        return [variable for _, rate in rates for variable in rate.variables]

    def first_callbacks(self):
        """Return the callbacks that `fit` puts before those of the user."""
        return []

    def callbacks(self):
        """Return the callbacks that `fit` adds after those of the user."""
        return []

    def state(self):
        """Return what a `fit` goes on from, beside the variables that Keras knows.

        Returns:
            {name: number, NumPy array, or a dictionary or list of such}.
        """
        variables = enumerate(self.fit_variables)
        return {f"fit_{n}": ops.convert_to_numpy(v) for n, v in variables}

    def restore(self, state):
        """Go on from what `state` returned, in this or another process.

        Args:
            state: its numbers as NumPy arrays, and a list as {number: item}.
        """
        for number, variable in enumerate(self.fit_variables):
            variable.assign(state[f"fit_{number}"])
