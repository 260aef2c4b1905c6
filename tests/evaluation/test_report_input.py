"""What `report` refuses: nothing is written then."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax

from keras_drmm.evaluation import report
from tests.evaluation.planted import LOGITS, Planted, X, make_dataset


def bad(**change):
    """Arguments of `report` with one that is bad; `logits` are the model's.

    A model with None cannot predict: what is bad is found before.
    """
    logits = change.pop("logits", LOGITS)
    given = {"model": Planted(logits), "dataset": make_dataset(), "path": "a.html"}
    return {**given, **change}


NAN = np.where(np.arange(600).reshape(200, 3) == 5, np.nan, LOGITS)
BAD = {
    "no validation rows": (bad(dataset=make_dataset(0)), ValueError, "at least 2"),
    "one": (bad(dataset=make_dataset(1)), ValueError, "validation rows, got 1"),
    "shape": (bad(logits=LOGITS[:, 0]), ValueError, r"a column .* got shape \(80,\)"),
    "one class": (bad(logits=LOGITS[:, :1]), ValueError, r"got shape \(80, 1\)"),
    "NaN": (bad(logits=LOGITS * np.nan), ValueError, "must be finite, got .*nan"),
    "NaN in one row": (bad(logits=NAN), ValueError, "must be finite, got .*nan"),
    "text": (bad(logits=np.full((200, 3), "a")), ValueError, "must be real numbers"),
    "probabilities": (
        bad(logits=softmax(LOGITS, axis=1), temperature=2),
        ValueError,
        "outputs are probabilities. Leave out the softmax",
    ),
    "too few classes": (bad(logits=LOGITS[:, :2]), ValueError, r"got values .* to 2"),
    "labels of training": (
        bad(dataset=make_dataset(4, np.arange(200) % 4, seed=0)),
        ValueError,
        r"to 2, got values from .* to 3",
    ),
    "names": (
        bad(class_names=["a", "b"]),
        ValueError,
        r"3 different strings.*got \['a', 'b'\]",
    ),
    "names of numbers": (bad(class_names=[1, 2, 3]), ValueError, "3 different strings"),
    "a name": (bad(class_names="abc"), ValueError, "got 'abc'"),
    "count": (bad(count=0, logits=None), ValueError, "`count` .* got 0"),
    "temperature": (
        bad(temperature=0, logits=None),
        ValueError,
        "`temperature` .* got 0",
    ),
    "model": (bad(model=5), TypeError, "`model` .* got 5"),
    "dataset": (bad(dataset=X), TypeError, "`dataset` .* `SemiSupervisedDataset`"),
    "folder": (bad(path="no/a.html"), FileNotFoundError, "folder .* got 'no/a.html'"),
    "a folder": (bad(path="."), IsADirectoryError, "got the folder '.'"),
    "no path": (bad(path=5), TypeError, "`path` .* got 5"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_writes_nothing(name, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    arguments, error, message = BAD[name]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        report(**arguments)
    assert not list(tmp_path.iterdir())


def test_rows_must_have_logits_each(tmp_path):
    pytest.importorskip("matplotlib")
    model = SimpleNamespace(predict=lambda images, verbose: LOGITS)
    with pytest.raises(ValueError, match="for each of 80 images, got 200"):
        report(model, make_dataset(), tmp_path / "a.html")
    assert not list(tmp_path.iterdir())


def test_filled_in_labels_are_kept(tmp_path):
    pytest.importorskip("matplotlib")
    table = tmp_path / "a_to_label.csv"
    table.write_text("file,label\n3,cat\n")
    with pytest.raises(FileExistsError, match="labels that a person filled in"):
        report(Planted(None), make_dataset(), tmp_path / "a.html")
    assert list(tmp_path.iterdir()) == [table]
    assert table.read_text() == "file,label\n3,cat\n"


def test_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install keras-drmm\[plots\]"):
        report(Planted(), make_dataset(), tmp_path / "a.html")
    assert not list(tmp_path.iterdir())
