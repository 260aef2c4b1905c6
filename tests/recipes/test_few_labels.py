"""All methods see the same labels, and their errors are counted by hand."""

import numpy as np
import pytest

from keras_drmm import data
from recipes import few_labels
from recipes.untuned import loading, methods


@pytest.fixture
def rows(monkeypatch):
    """Return the rows that the command records: two methods, 10 classes of pixels."""
    found = []
    y = np.arange(400) % 10
    x = np.broadcast_to(np.uint8(20 * y)[:, None, None], (400, 8, 8))
    split = (x[:300], y[:300]), (x[300:], y[300:])
    monkeypatch.setattr(loading, "load", lambda name, folder: split)
    monkeypatch.setattr(
        few_labels.results, "record", lambda *given: found.append(given)
    )
    monkeypatch.setattr(few_labels, "choose_backend", lambda name: None)
    monkeypatch.setattr(few_labels.results, "origin", lambda backend: {})
    seen = []

    def right(dataset, epochs, seed):
        seen.append(dataset.shown_labels)
        return lambda images: np.round(images[:, 0, 0, 0] * 255 / 20), 3

    def always_the_first(dataset, epochs, seed):
        seen.append(dataset.shown_labels)
        return lambda images: np.zeros(len(images)), ""

    monkeypatch.setattr(
        methods, "METHODS", {"right": right, "always_the_first": always_the_first}
    )
    return found, seen


def test_rows_have_the_error_of_each_method_on_the_same_labels(rows):
    found, seen = rows
    few_labels.main(["--draw", "4"])
    assert [(name, row["model"], kept) for name, row, kept in found] == [
        ("few_labels", "right", True),
        ("few_labels", "always_the_first", True),
    ]
    assert [row["test_error"] for _, row, _ in found] == [0, 90]
    assert [row["epochs"] for _, row, _ in found] == [3, ""]
    assert {row["labels"] for _, row, _ in found} == {100}
    np.testing.assert_array_equal(seen[0], seen[1])
    assert np.bincount(seen[0][seen[0] >= 0]).tolist() == [10] * 10
    y = np.arange(300) % 10
    expected = data.semi_supervised(np.zeros((300, 8, 8), "uint8"), y, 100, seed=4)
    np.testing.assert_array_equal(seen[0], expected.shown_labels)


def test_a_check_of_one_method_is_not_recorded(rows):
    found, _ = rows
    few_labels.main(["--short", "--model", "right"])
    assert [kept for *_, kept in found] == [False]
