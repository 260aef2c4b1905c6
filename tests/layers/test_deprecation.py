"""Arguments in their older order arrive where they belong, with a warning."""

import inspect
import warnings

import numpy as np
import pytest

from keras_drmm.layers.deprecation import reordered_arguments

SHAPE = (28, 28, 1)


@reordered_arguments("num_classes", "num_nuisances", "input_shape")
class Rotated:
    """The order has changed as RMM's: the last of three is now the first."""

    def __init__(self, input_shape, num_classes, num_nuisances, switch=True, **kwargs):
        self.given = (input_shape, num_classes, num_nuisances, switch, kwargs)


@reordered_arguments("levels", "num_classes", "input_shape")
class Swapped:
    """The order has changed as DRMM's: the second and third are swapped."""

    def __init__(self, levels, input_shape, num_classes=10, pooling="mean"):
        self.given = (levels, input_shape, num_classes, pooling)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("kind", "args", "kwargs", "expected"),
    [
        (Rotated, (3, 4, SHAPE), {}, (SHAPE, 3, 4, True, {})),
        (
            Rotated,
            (3, 4, SHAPE, False),
            {"name": "x"},
            (SHAPE, 3, 4, False, {"name": "x"}),
        ),
        (Rotated, (3, 4), {"input_shape": SHAPE}, (SHAPE, 3, 4, True, {})),
        (
            Rotated,
            (3,),
            {"num_nuisances": 4, "input_shape": SHAPE},
            (SHAPE, 3, 4, True, {}),
        ),
        (Swapped, ([], 3, SHAPE), {}, ([], SHAPE, 3, "mean")),
        (Swapped, ([], np.int64(3), list(SHAPE), None), {}, ([], list(SHAPE), 3, None)),
        (
            Swapped,
            ([], 3),
            {"input_shape": SHAPE, "pooling": None},
            ([], SHAPE, 3, None),
        ),
    ],
)
def test_older_order_is_understood(kind, args, kwargs, expected):
    with pytest.warns(DeprecationWarning, match=rf"`{kind.__name__}\(.*0\.3") as seen:
        assert kind(*args, **kwargs).given == expected
    # On the user's line.
    assert seen[0].filename == __file__


@pytest.mark.parametrize(
    ("kind", "args", "kwargs"),
    [
        (Rotated, (SHAPE, 3, 4), {}),
        (Rotated, (), {"num_classes": 3, "input_shape": SHAPE, "num_nuisances": 4}),
        (Swapped, ([], SHAPE, 3), {}),
        (Swapped, ([], SHAPE), {"num_classes": 3}),
        (Swapped, ([],), {"num_classes": 3, "input_shape": SHAPE}),
    ],
)
def test_order_of_today_and_names_do_not_warn(kind, args, kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        given = kind(*args, **kwargs).given
    assert SHAPE in given
    assert 3 in given


def test_signature_is_the_one_of_today():
    _, *names = inspect.signature(Swapped.__init__).parameters
    assert names == ["levels", "input_shape", "num_classes", "pooling"]


def test_a_missing_argument_is_an_error():
    with pytest.warns(DeprecationWarning, match="Swapped"), pytest.raises(TypeError):
        Swapped([], 3)


@pytest.mark.filterwarnings("ignore:`Swapped:DeprecationWarning")
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [(([], 3, SHAPE, None, None), {}), (([], 3, SHAPE), {"num_classes": 4})],
)
def test_superfluous_arguments_are_errors(args, kwargs):
    with pytest.raises(TypeError):
        Swapped(*args, **kwargs)
