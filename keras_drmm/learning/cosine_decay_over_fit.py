"""CosineDecayOverFit: a learning rate that falls to 0 over a `fit`."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_drmm")
class CosineDecayOverFit(keras.optimizers.schedules.LearningRateSchedule):
    r"""A learning rate that falls to 0 along a cosine over each `fit`.

    $$\eta(p) = \eta_0 \frac{1 + \cos \pi p}{2}$$

    p is the share of the steps that `fit` takes, over all of its `epochs`, that is
    over. With `initial_epoch`, or where `keras.callbacks.BackupAndRestore` goes on, p
    goes on too. `fit` of this library's models sets it; it is constant before, in
    `train_on_batch`, and where the number of steps is not known.

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
