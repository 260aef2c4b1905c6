"""CosineDecayOverFit: a learning rate that falls to 0 over a `fit`."""

import math
import warnings

import keras
from keras import ops

from keras_drmm.models.fit_arguments import innermost


@keras.saving.register_keras_serializable(package="keras_drmm")
class CosineDecayOverFit(keras.optimizers.schedules.LearningRateSchedule):
    r"""A learning rate that falls to 0 along a cosine over each `fit`.

    $$\eta(p) = \eta_0 \frac{1 + \cos \pi p}{2}$$

    p is the share of the steps that `fit` takes, over all of its `epochs`, that is
    over. With `initial_epoch`, or where `keras.callbacks.BackupAndRestore` goes on, p
    goes on too. `fit` of a model with an `EG` sets it; it is constant before, and where
    the number of steps is not known.

    Args:
        initial_learning_rate: η_0.

    Example:

    >>> schedule = CosineDecayOverFit(0.01)
    >>> schedule.follow(first_step=0, steps=100)
    >>> [round(float(schedule(step)), 4) for step in (0, 50, 100)]
    [0.01, 0.005, 0.0]

    Source: Loshchilov, Hutter (2017), SGDR: Stochastic Gradient Descent with Warm
    Restarts.
    """

    def __init__(self, initial_learning_rate):
        super().__init__()
        self.initial_learning_rate = float(initial_learning_rate)
        # Variables, so that a compiled step of TensorFlow sees them change.
        self._first_step, self._steps = (
            keras.Variable(0.0, trainable=False, dtype="float32") for _ in range(2)
        )

    @property
    def variables(self):
        """What it follows: first step and number of steps."""
        return [self._first_step, self._steps]

    def follow(self, first_step, steps):
        """Fall from now on over a `fit`.

        Args:
            first_step: the number of the optimizer's step with which it begins.
            steps: how many steps it takes; 0 keeps the rate constant.
        """
        self._first_step.assign(float(first_step))
        self._steps.assign(float(steps))

    def __call__(self, step):
        steps = ops.convert_to_tensor(self._steps)
        passed = ops.cast(step, "float32") - ops.convert_to_tensor(self._first_step)
        share = ops.clip(passed / ops.maximum(steps, 1.0), 0.0, 1.0)
        share = ops.where(steps > 0, share, 0.0)
        return self.initial_learning_rate * (1 + ops.cos(math.pi * share)) / 2

    def get_config(self):
        return {"initial_learning_rate": self.initial_learning_rate}


def schedule_of(optimizer):
    """Return the `CosineDecayOverFit` of an optimizer, None for any other rate."""
    # Keras shows a schedule's current rate alone.
    rate = getattr(innermost(optimizer), "_learning_rate", None)
    return rate if isinstance(rate, CosineDecayOverFit) else None


def fit_variables(optimizer, warmup):
    """Return the variables that the steps of a `fit` are told of it by.

    Args:
        optimizer: the model's.
        warmup: a `Warmup`.
    """
    schedule = schedule_of(optimizer)
    return [warmup.steps, *(schedule.variables if schedule else ())]


def follow_fit(model, steps, initial_epoch, epochs):
    """Let the learning rate of a model fall over a `fit`, if it is made for that.

    Args:
        model: the model, compiled.
        steps: in an epoch, None if that is not known.
        initial_epoch: as of `fit`.
        epochs: as of `fit`.

    Returns:
        The steps in an epoch, 0 if that is not known.

    Warns:
        UserWarning: that is not known.
    """
    if steps is None:
        warnings.warn(
            "The data set does not tell how many batches it has: the learning rate "
            "stays constant, and no term of the objective rises over the fit. Give "
            "`steps_per_epoch`.",
            stacklevel=4,
        )
        steps = 0
    schedule = schedule_of(model.optimizer)
    if schedule is not None:
        # What Keras calls the schedule with. Where gradients are accumulated,
        # `iterations` is a fraction of it.
        counter = innermost(model.optimizer)._iterations
        taken = int(ops.convert_to_numpy(counter))
        schedule.follow(taken - initial_epoch * steps, epochs * steps)
    if keras.backend.backend() == "jax":
        # Its compiled step has the numbers themselves.
        model.train_function = None
    return steps
