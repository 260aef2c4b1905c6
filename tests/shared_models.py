"""Models that tests share: compiling one takes longer than what a test asks of it."""

import functools

import keras
from keras import ops


def shared(build):
    """Return `build` with a memory: what it built before is put back to its start.

    That is every weight, every state of the optimizer and of random numbers, and what
    is trainable; a compiled step stays. So there is one model for the same arguments,
    at a time: a test that compares two of them takes the results of the first before
    it asks for the second.

    Args:
        build: returns a compiled model; its arguments can be keys of a dictionary.
    """
    made: dict[tuple, tuple] = {}

    @functools.wraps(build)
    def call(*arguments, **options):
        key = arguments, tuple(sorted(options.items()))
        if key not in made:
            model = build(*arguments, **options)
            if not model.optimizer.built:
                model.optimizer.build(model.trainable_variables)
            variables = [
                *model.variables,
                *model.optimizer.variables,
                # A warm-up's length, and what a rate that follows `fit` has noted.
                *_variables(model.trainer),
                *_variables(getattr(model.optimizer, "_learning_rate", None)),
            ]
            made[key] = (
                model,
                [(v, ops.convert_to_numpy(v).copy()) for v in variables],
                [(v, v.trainable) for v in model._flatten_layers()],
            )
        model, values, flags = made[key]
        # From the outside in: a layer hands its flag down.
        for layer, is_trainable in flags:
            layer.trainable = is_trainable
        for variable, value in values:
            variable.assign(value)
        keras.utils.set_random_seed(0)
        return model

    return call


def _variables(thing):
    """Return the variables among the attributes of an object."""
    values = getattr(thing, "__dict__", {}).values()
    return [v for v in values if isinstance(v, keras.Variable)]
