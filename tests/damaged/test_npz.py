"""Data sets in damaged files: each error names the file, and takes little memory."""

import re

import numpy as np
import pytest

from keras_drmm.data import load
from keras_drmm.layers import npz_file
from tests.damaged.memory import bounded
from tests.damaged.npz_files import (
    ARRAYS,
    CASES,
    archive,
    declared,
    npy,
    with_header,
    zeros,
)

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", CASES)
def test_the_error_names_the_file_and_what_was_found(name, tmp_path):
    write, message = CASES[name]
    path = tmp_path / "tiny.npz"
    write(path)
    with (
        bounded(path.stat().st_size),
        pytest.raises(ValueError, match=message) as error,
    ):
        load("tiny", tmp_path)
    text = str(error.value)
    assert re.match(rf"{re.escape(str(path))}( cannot be read|:| lacks)", text)
    # What to do ends it.
    assert text.rpartition(". ")[2] or text.endswith(".")


def test_what_is_stored_bounds_what_is_read(tmp_path, monkeypatch):
    """A thousand times as much is refused, once it is more than a first limit."""
    path = tmp_path / "tiny.npz"
    zeros(path)
    monkeypatch.setattr(npz_file, "LEAST_LIMIT", 10**6)
    with (
        bounded(path.stat().st_size),
        pytest.raises(
            ValueError, match="x_train is declared to have 1,024,128 bytes, of"
        ),
    ):
        load("tiny", tmp_path)
    # Below the limit the same is the next check's.
    monkeypatch.setattr(npz_file, "LEAST_LIMIT", 2 * 10**6)
    with pytest.raises(ValueError, match="1000 images, but y_train has 6 labels"):
        load("tiny", tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"x_train": np.asfortranarray(ARRAYS["x_train"])},
        {"y_train": ARRAYS["y_train"].astype(">i8")},
        {"y_train": np.asfortranarray(ARRAYS["y_train"].reshape(-1, 1))},
    ],
)
def test_what_numpy_writes_otherwise_is_read(changes, tmp_path):
    archive(tmp_path / "tiny.npz", {name: npy(v) for name, v in changes.items()})
    (x_train, y_train), _ = load("tiny", tmp_path)
    expected = {**ARRAYS, **changes}
    np.testing.assert_array_equal(x_train, expected["x_train"])
    np.testing.assert_array_equal(y_train, expected["y_train"])


def test_a_header_with_other_room_is_read(tmp_path):
    text = declared().replace(": ", ":").replace(", }", "}")
    content = with_header(text, ARRAYS["x_train"].tobytes())
    archive(tmp_path / "tiny.npz", {"x_train": content})
    np.testing.assert_array_equal(load("tiny", tmp_path)[0][0], ARRAYS["x_train"])
