"""Bad input to every public function: the error names the argument and the value.

`bad_input.csv` has a call a line, the kind of its error, the argument, and the value as
the message shows it. What depends on the backend is in `models/test_checks.py` and
`models/test_compile_arguments.py`.
"""

import builtins
import csv
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import keras_drmm as kd
from keras_drmm.layers import FactorTemplates, NuisancePrior
from scripts.docs import bad_input
from tests.own_errors import module_that_raised

pytestmark = pytest.mark.once

CASES = list(csv.DictReader((Path(__file__).parent / "bad_input.csv").open()))
RNG = np.random.default_rng(0)
X = RNG.random((12, 8, 8, 1)).astype("float32")
Y = np.arange(12) % 4 - 1


def lv(**options):
    return kd.Level(4, 3, pool_size=2, **options)


def plain(**options):
    return kd.DRMM([lv()], (8, 8, 1), 3, **options)


def drmm():
    return cc(plain(), "adam", algorithm=kd.EG())


def drfm():
    return kd.DRFM([lv()], (8, 8, 1), 3, num_factors=2)


def rmm():
    return cc(kd.RMM((8, 8, 1), 3, 2), algorithm=kd.HardEM())


def tree():
    return kd.EvolutionaryDRMM((8, 8, 1), 3, depth=2)


def forest():
    return kd.EvolutionaryForest((8, 8, 1), 3, 2, depth=2)


def ladder(**options):
    given = {"input_shape": (8, 8, 1), "num_classes": 3, **options}
    return kd.baselines.Ladder([lv(batch_norm=True)], **given)


def swwae(**options):
    given = {"input_shape": (8, 8, 1), "num_classes": 3, **options}
    return kd.baselines.SWWAE([lv(batch_norm=True)], **given)


def net():
    shape = keras.Input((8, 8, 1))
    return keras.Sequential([shape, layers.Flatten(), layers.Dense(3)])


def lossy(**options):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, **options)
    return cc(plain(), "sgd", loss)


class Batches(keras.utils.PyDataset):
    """Batches of 6 rows."""

    def __init__(self, number=2, labels=True):
        super().__init__()
        self.number, self.labels = number, labels

    def __len__(self):
        return self.number

    def __getitem__(self, index):
        rows = slice(6 * index, 6 * index + 6)
        return (X[rows], Y[rows]) if self.labels else X[rows]


def sw():
    return plain().infer(X).switches


def ct():
    return built(kd.ClassTemplates(3), (None, 4, 4, 2))


def conv():
    return built(kd.RenderingConv2D(4, 3), (None, 8, 8, 1))


def npr():
    return built(NuisancePrior(4), (None, 2, 2, 3))


def ft():
    return built(FactorTemplates(2), (None, 2, 2, 3))


def built(layer, shape):
    layer.build(shape)
    return layer


def cc(model, *args, **options):
    model.compile(*args, **options)
    return model


NAMES = {
    **{name: getattr(kd, name) for name in kd.__all__},
    **globals(),
    "RGB": np.repeat(X, 3, axis=-1),
}


@pytest.fixture(scope="module")
def messages():
    """{call: its error}, of those that were made."""
    return {}


@pytest.mark.usefixtures("whole_tracebacks")
@pytest.mark.parametrize("case", CASES, ids=[case["call"] for case in CASES])
def test_the_error_names_argument_and_value(case, messages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(getattr(builtins, case["error"])) as error:
        eval(case["call"], NAMES)
    # Raised by our own check, not by what a backend or another library made of it.
    assert module_that_raised(error.value).startswith("keras_drmm.")
    message = messages[case["call"]] = str(error.value)
    assert case["argument"] in message
    assert case["value"] in message
    assert not list(tmp_path.iterdir())


def test_the_page_has_what_the_errors_say(messages):
    """`python -m scripts.docs.bad_input` writes it."""
    if messages.keys() != {case["call"] for case in CASES}:
        pytest.skip("needs the errors of all calls")
    text = bad_input.PAGE.read_text("utf-8")
    assert text == bad_input.page(CASES, [messages[case["call"]] for case in CASES])


def test_the_page_is_readable():
    lines = bad_input.PAGE.read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert len(rows) >= 200
    assert all(len(line) <= bad_input.LONGEST for line in lines)
    # A bar of the text is no border of a cell.
    assert {line.replace("\\|", "").count("|") for line in rows} == {4}
