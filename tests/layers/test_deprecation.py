"""Arguments in their older order arrive where they belong, with a warning."""

import inspect
import warnings

import keras
import numpy as np
import pytest

from keras_drmm import (
    DRFM,
    EG,
    HardEM,
    Level,
    SoftEM,
    convert,
    em,
    layers,
    learning,
    models,
    trees,
)
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


@pytest.mark.smoke
def test_older_names_of_arguments_and_attributes():
    """Each gives what the new name gives, with a warning that names the new one."""
    noise = keras.layers.GaussianNoise(0.1)
    with pytest.warns(DeprecationWarning, match="augmentation"):
        eg = EG(consistency=1.0, nuisance=noise, rows_per_render=3)
    assert eg == EG(consistency=1.0, augmentation=noise, render_divisor=3)
    with pytest.warns(DeprecationWarning, match="render_divisor"):
        assert eg.rows_per_render == 3
    for algorithm in (HardEM, SoftEM):
        with pytest.warns(DeprecationWarning, match="gram_divisor"):
            assert algorithm(rows_per_gram=2) == algorithm(gram_divisor=2)
    levels = [Level(2, 3, data_format="channels_last")]
    with pytest.warns(DeprecationWarning, match="num_factors"):
        model = DRFM(levels, (4, 4, 1), 3, factors=5)
    assert model.num_factors == 5
    with pytest.warns(DeprecationWarning, match="factor_templates.templates"):
        assert model.loadings is model.factor_templates.templates
    with pytest.warns(DeprecationWarning, match="as a keyword"):
        model.compile("sgd", EG())
    assert model.algorithm == EG()
    images = np.zeros((2, 4, 4, 1), "float32")
    with pytest.warns(DeprecationWarning, match="render_divisor"):
        assert model.e_step(images, rows_per_render=0).rendered == []
    with pytest.warns(DeprecationWarning, match="augmented_logits"):
        assert model.infer(images).disturbed_logits is None


@pytest.mark.smoke
def test_an_argument_under_both_names_is_refused():
    with pytest.raises(TypeError, match="leave out `rows_per_gram`"):
        HardEM(rows_per_gram=2, gram_divisor=2)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("old", "name", "new"),
    [
        (models, "EvolutionaryDRMM", trees),
        (models, "EvolutionaryForest", trees),
        (models, "Level", layers),
        (models, "from_convnet", convert),
        (models, "to_inference_model", convert),
        (learning, "HardEM", em),
        (learning, "SoftEM", em),
    ],
)
def test_older_places_of_names(old, name, new):
    with pytest.warns(DeprecationWarning, match=new.__name__):
        assert getattr(old, name) is getattr(new, name)


@pytest.mark.smoke
def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        models.Nothing  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        HardEM().nothing  # noqa: B018


@pytest.mark.filterwarnings("ignore:`Swapped:DeprecationWarning")
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [(([], 3, SHAPE, None, None), {}), (([], 3, SHAPE), {"num_classes": 4})],
)
def test_superfluous_arguments_are_errors(args, kwargs):
    with pytest.raises(TypeError):
        Swapped(*args, **kwargs)
