"""Random layers that draw the same each time."""

from contextlib import contextmanager

from keras import ops


@contextmanager
def fixed_seed(layer):
    """Let a layer draw the same numbers each time, and then go on as if it had not.

    Args:
        layer: a Keras layer; its random state is what it has beside weights.
    """
    weights = {id(variable) for variable in layer.weights}
    state = [v for v in layer.variables if id(v) not in weights]
    before = [ops.copy(v) for v in state]
    for variable in state:
        variable.assign(ops.ones(variable.shape, variable.dtype))
    yield
    for variable, value in zip(state, before, strict=True):
        variable.assign(value)
