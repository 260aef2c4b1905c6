"""A budget of weights: a model that a file asks for is no larger than the file."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from keras_drmm.layers.arguments import is_integer

# What is left, in a list of one number; None where there is no limit.
_LEFT: ContextVar[list[int] | None] = ContextVar("left", default=None)


@contextmanager
def weights_within(values: int) -> Iterator[None]:
    """Within this, layers and models of the library make so many weights at most.

    The weights of a model that a file describes are in a file, too. A few words may
    describe a model of any size, and its initial weights would fill the memory before
    anything could tell that it does not fit.

    Args:
        values: how many numbers all weights may have together.
    """
    token = _LEFT.set([values])
    try:
        yield
    finally:
        _LEFT.reset(token)


def reserve(shape: Any) -> None:
    """Take a weight of this shape from the budget, if there is one, before it is made.

    Raises:
        ValueError: there is less left.
    """
    left = _LEFT.get()
    if left is None:
        return
    wanted = math.prod(shape or ())
    if wanted > left[0]:
        raise ValueError(
            f"a weight of shape {tuple(shape)} has {wanted:,} numbers, and the file of "
            f"weights has room for {left[0]:,} more."
        )
    left[0] -= wanted


class CountsWeights:
    """A layer or model whose weights are taken from the budget.

    Stands before `keras.layers.Layer` or `keras.Model` among the bases.
    """

    name: str

    def add_weight(self, shape=None, *args, **kwargs):
        """Add a weight; see `keras.layers.Layer.add_weight`.

        Raises:
            ValueError: its shape is not known or has no element, as that of the maps
                which the layer is built for, or the initializer does not make it.
        """
        if not all(is_integer(n) and n > 0 for n in shape or ()):
            raise ValueError(
                f"`{self.name}` would have a weight of shape {tuple(shape)}: build it "
                "for a map whose sizes are known and at least 1."
            )
        reserve(shape)
        shape = tuple(shape or ())
        try:
            added = super().add_weight(shape, *args, **kwargs)  # type: ignore[misc]
        # Keras takes any function and any array for an initializer.
        except (ValueError, TypeError, RuntimeError) as error:
            raise self._bad_initializer(shape, kwargs, error) from error
        # The variable itself says what was asked for.
        found = tuple(added.value.shape)
        if found != shape:
            raise self._bad_initializer(shape, kwargs, f"one of shape {found}")
        return added

    def _bad_initializer(self, shape, kwargs, found):
        return ValueError(
            f"`{kwargs.get('name')}_initializer` of `{self.name}` must make a weight "
            f"of shape {shape}, got {found}."
        )
