"""The checks of arguments themselves: what they let through, and in which form."""

import numpy as np
import pytest

from keras_drmm.layers import arguments

pytestmark = pytest.mark.once


def test_what_is_right_comes_back_in_pythons_types():
    for found, expected in (
        (arguments.standardize_integer(np.int64(3), "n"), 3),
        (arguments.standardize_number(np.float32(0.5), "w", least=0), 0.5),
        (arguments.standardize_number(2, "w", above=1, most=2), 2.0),
        (arguments.standardize_boolean(np.bool_(True), "b"), True),
        (arguments.standardize_seed(np.uint8(7)), 7),
        (arguments.standardize_seed(None), None),
        (arguments.standardize_pair([1, np.int8(2)], "p"), (1, 2)),
        (arguments.standardize_input_shape(np.array([4, 5, 1])), (4, 5, 1)),
        (arguments.standardize_pixel_range([np.float64(-1), 1]), (-1.0, 1)),
    ):
        assert found == expected
        assert type(found) is type(expected)
        if isinstance(found, tuple):
            assert [type(v) for v in found] == [type(v) for v in expected]


@pytest.mark.parametrize("value", [0, 2.5, True, "1", None, np.nan, np.inf, 10**400])
def test_numbers_within_ends(value):
    message = "`w` must be a finite number above 0 and of at most 1"
    with pytest.raises(ValueError, match=message):
        arguments.standardize_number(
            value if value is not True else True, "w", 0, None, 1
        )


def test_unknown_names_come_with_the_one_that_is_like_them():
    class Base:
        def __init__(self, filters, **kwargs):
            pass

    class Sub(Base):
        def __init__(self, padding="same", **kwargs):
            pass

    arguments.check_keywords(Sub, {"filters": 1, "padding": 2, "name": "x"})
    for name, like in (("filter", "filters"), ("pading", "padding"), ("dtyp", "dtype")):
        with pytest.raises(TypeError, match=f"no argument `{name}`.*mean `{like}`"):
            arguments.check_keywords(Sub, {name: 1})
    with pytest.raises(TypeError, match=r"no argument `zzz`, got zzz=1\.$"):
        arguments.check_keywords(Sub, {"zzz": 1})


def test_errors_never_show_a_whole_array():
    for value in (np.zeros(10**4), [0.5] * 10**4, {"a": np.zeros(10**4)}):
        assert len(arguments.describe(value)) < 200
