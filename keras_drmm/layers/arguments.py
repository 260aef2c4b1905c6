"""Checks of what layers are given, each error saying what to give instead."""

import numpy as np


def standardize_integer(value, name, minimum=1):
    """Return `value` as an int if it is an integer (no bool) of at least `minimum`."""
    if not _is_integer(value) or value < minimum:
        raise ValueError(
            f"`{name}` must be an integer of at least {minimum}, got {value!r}."
        )
    return int(value)


def standardize_pair(value, name):
    """Return `value` as a pair of positive integers; an integer counts twice."""
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or not all(_is_integer(v) and v > 0 for v in pair):
        raise ValueError(
            f"`{name}` must be a positive integer or a pair of them, got {value!r}."
        )
    return int(pair[0]), int(pair[1])


def _is_integer(value):
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
