"""The page counts foreign images, and its pictures are of them."""

from importlib import import_module

import numpy as np
import pytest
from keras import ops

from keras_drmm import DRMM, Level, data
from keras_drmm.evaluation import foreign_images, report
from tests.evaluation.page import Page, percent, tiles
from tests.evaluation.planted import Planted, make_dataset
from tests.evaluation.test_foreign_images import digits


class Guesses:
    """Any classifier of ten classes."""

    name = "guesses"

    def predict(self, images, verbose):
        return np.asarray(images).reshape(len(images), -1)[:, 20:30]


def foreign_digits(validation=40, **options):
    """Return a data set of digits, and the row from which on they are foreign."""
    x, labels, own = digits(**options)
    x = (x / 16).astype("float32")
    return data.semi_supervised(x, labels, None, validation=validation), own


@pytest.fixture
def path(tmp_path):
    pytest.importorskip("matplotlib")
    return tmp_path / "trust.html"


def test_foreign_images_are_counted_and_shown(path):
    dataset, own = foreign_digits()
    numbers = report(Guesses(), dataset, path, count=20)
    page, found = Page(path), numbers.foreign
    unlabelled = len(dataset.unlabelled_indices)
    assert found["share"] == pytest.approx(300 / unlabelled, abs=0.1)
    assert page.texts["foreign-count"] == str(found["count"])
    assert found["count"] == round(found["share"] * unlabelled)
    assert page.texts["foreign-share"] == percent(found["share"])
    # The median of 100 scores is one of 10 more or fewer, at a deviation of 2.
    assert page.texts["foreign-chance"] == "10.0 %"
    # By the labels of validation rows, too.
    labels = dataset.shown_labels
    labels[dataset.validation_indices] = dataset.validation[1]
    expected = foreign_images(dataset.x, labels)
    assert sorted(found["row"]) == dataset.unlabelled_indices.tolist()
    weights = expected["weight"][found["row"]]
    assert np.corrcoef(found["weight"], weights)[0, 1] > 0.98
    shown = tiles(page, "foreign")
    assert [row for row, _, _ in shown] == found["row"][:20].tolist()
    assert np.mean([row >= own for row, _, _ in shown]) > 0.9
    for (row, words, picture), weight in zip(shown, found["weight"], strict=False):
        assert words == f"of the classes at {percent(weight)}"
        np.testing.assert_allclose(
            picture[..., :1], dataset.x[row][..., None], atol=3e-3
        )


def test_a_drmm_s_images_are_compared_by_its_messages(path):
    dataset, _ = foreign_digits(labels_of_each=6, foreign=100)
    level = Level(6, 3, padding="full", pool_size=1)
    model = DRMM([level, Level(4, 3)], (8, 8, 1), 10)
    numbers = report(model, dataset, path, count=2)
    known = np.union1d(dataset.labelled_indices, dataset.validation_indices)
    rows = np.concatenate([known, dataset.unlabelled_indices])
    messages = model.infer(dataset.x[rows][..., None]).messages[1]
    assert messages.shape[1:] == (10, 10, 6)
    features = ops.convert_to_numpy(ops.average_pool(messages, 2, 2))
    labels = np.full(len(dataset.x), -1)
    labels[dataset.labelled_indices] = dataset.shown_labels[dataset.labelled_indices]
    labels[dataset.validation_indices] = dataset.validation[1]
    expected = foreign_images(features, labels[rows])
    assert numbers.foreign["share"] == pytest.approx(expected["share"], abs=1e-3)
    order = np.argsort(numbers.foreign["row"])
    np.testing.assert_allclose(
        numbers.foreign["score"][order], expected["score"][len(known) :], rtol=1e-3
    )


def test_of_many_images_some_are_looked_at(path, monkeypatch):
    # The function has the module's name.
    module = import_module("keras_drmm.evaluation.report")
    monkeypatch.setattr(module, "_MOST_ROWS", 60)
    seen = []

    def looked_at(features, labels):
        seen.append(labels)
        return foreign_images(features, labels)

    monkeypatch.setattr(module, "foreign_images", looked_at)
    dataset, _ = foreign_digits()
    found = report(Guesses(), dataset, path, count=5).foreign
    assert len(set(found["row"])) == len(found["score"]) == 60
    assert set(found["row"]) <= set(dataset.unlabelled_indices)
    # Of ten labels of each class there are as many again.
    assert np.bincount(seen[0] + 1).tolist() == [60] + [6] * 10
    assert found["chance"] == pytest.approx(60**-0.5)
    # The number is of all of them.
    assert found["count"] == round(found["share"] * len(dataset.unlabelled_indices))
    monkeypatch.setattr(module, "_MOST_ROWS", 10)
    report(Guesses(), dataset, path, count=5)
    # One of each could not tell.
    assert np.bincount(seen[1] + 1).tolist() == [10] + [2] * 10


def test_one_label_of_a_class_cannot_tell(path):
    labels = np.full(200, -1)
    labels[:7] = [0, 0, 0, 1, 1, 1, 2]
    dataset = make_dataset(3, labels, num_labels=None, seed=1)
    numbers = report(Planted(), dataset, path)
    assert numbers.foreign is None
    page = Page(path)
    assert "a class has only one label" in page.text
    assert tiles(page, "foreign") == []
