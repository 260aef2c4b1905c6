"""whole_fit: callbacks that are about a `fit` as a whole, as `Resume` is."""

from contextlib import contextmanager


@contextmanager
def whole_fit(model, callbacks, given):
    """Within this, callbacks that have `begin_fit` know of the `fit`, and come last.

    Last, they see the weights after an M-step. `end_fit` is called however it ends.

    Args:
        model: that is about to learn.
        callbacks: of the user.
        given: {name: value} of the arguments of `fit`. `begin_fit(model, given)` may
            change what there is in it, of which it sees all but the callbacks.
    """
    told = [callback for callback in callbacks if hasattr(callback, "begin_fit")]
    try:
        for callback in told:
            callback.begin_fit(model, given)
        given["callbacks"] = [
            *(v for v in given["callbacks"] if v not in told),
            *told,
        ]
        yield
    finally:
        for callback in told:
            callback.end_fit()
