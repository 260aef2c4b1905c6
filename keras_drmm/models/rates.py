"""Learning rates that follow a `fit`: schedules that are told how long it is."""

import warnings

import keras
from keras import ops

from keras_drmm.models.fit_arguments import innermost


def following_rates(optimizer):
    """Return [(optimizer, its schedule)] of all rates that follow a `fit`.

    Args:
        optimizer: the model's, which may scale a loss or share variables out to others.
    """
    optimizer = innermost(optimizer)
    parts = getattr(optimizer, "optimizers", None)
    if parts is not None:
        return [pair for part in parts for pair in following_rates(part)]
    # Keras shows a schedule's current rate alone.
    rate = getattr(optimizer, "_learning_rate", None)
    return [(optimizer, rate)] if hasattr(rate, "follow") else []


def follow_fit(model, steps, initial_epoch, epochs, rises=False):
    """Let the learning rates of a model fall over a `fit`, if they are made for that.

    Args:
        model: the model, compiled.
        steps: in an epoch, None if that is not known.
        initial_epoch: as of `fit`.
        epochs: as of `fit`.
        rises: whether terms of the objective rise over the fit, too.

    Returns:
        The steps in an epoch, 0 if that is not known.

    Warns:
        UserWarning: that is not known, and something follows it.
    """
    found = following_rates(model.optimizer)
    if not (found or rises):
        return steps or 0
    if steps is None:
        warnings.warn(
            "The data set does not tell how many batches it has: the learning rate "
            "stays constant, and no term of the objective rises over the fit. Give "
            "`steps_per_epoch`.",
            stacklevel=4,
        )
        steps = 0
    for optimizer, schedule in found:
        # What Keras calls the schedule with. Where gradients are accumulated,
        # `iterations` is a fraction of it.
        taken = int(ops.convert_to_numpy(optimizer._iterations))
        schedule.follow(taken - initial_epoch * steps, epochs * steps)
    _make_step_anew(model)
    return steps


def follow_no_fit(model):
    """Put the learning rates back to their start, for a step beside any `fit`."""
    ended = [
        schedule
        for _, schedule in following_rates(model.optimizer)
        if any(float(ops.convert_to_numpy(v)) for v in schedule.variables)
    ]
    for schedule in ended:
        schedule.follow(0, 0)
    if ended:
        _make_step_anew(model)


def _make_step_anew(model):
    if keras.backend.backend() == "jax":
        # Its compiled step has the numbers themselves.
        model.train_function = None
