"""The images to label are unsure and different, and their table keeps what is in it."""

import csv
import importlib

import numpy as np
import pytest

from keras_drmm.evaluation import images_to_label, write_annotation_csv

# The function has the name of its module.
MODULE = importlib.import_module("keras_drmm.evaluation.images_to_label")
RNG = np.random.default_rng(0)


def with_margin(margins, first=0, second=1, classes=3):
    """Probabilities whose two largest differ by these margins."""
    margins = np.asarray(margins)
    rows = np.full((len(margins), classes), 0.02)
    rest = 1 - 0.02 * (classes - 2)
    rows[:, first], rows[:, second] = (rest + margins) / 2, (rest - margins) / 2
    return rows


def test_all_borders_are_covered_where_small_margins_are_near_copies():
    near = RNG.normal(scale=0.01, size=(50, 2))
    probabilities = np.concatenate(
        [
            with_margin(np.linspace(0, 0.05, 50), 0, 1),
            with_margin(np.linspace(0.2, 0.3, 5), 0, 2),
            with_margin(np.linspace(0.2, 0.3, 5), 1, 2),
            with_margin(np.full(100, 0.95)),
        ]
    )
    features = np.concatenate(
        [
            near,
            near[:5] + np.array([5, 0]),
            near[:5] + np.array([0, 5]),
            RNG.normal(scale=9, size=(100, 2)),
        ]
    )
    border = np.array([0] * 50 + [1] * 5 + [2] * 5 + [3] * 100)
    by_margin = np.argsort(np.ptp(np.sort(probabilities)[:, -2:], axis=1))[:3]
    assert border[by_margin].tolist() == [0, 0, 0]
    # Also by the probabilities themselves, and of images as of rows.
    for given in (features, features.reshape(160, 1, 2), None):
        chosen = images_to_label(probabilities, given, count=3)
        assert sorted(border[chosen]) == [0, 1, 2]
    # None is sure, as long as there are unsure ones.
    chosen = images_to_label(probabilities, features, count=60)
    assert sorted(chosen) == list(range(60))
    margins = np.ptp(np.sort(probabilities)[:, -2:], axis=1)[chosen]
    assert (np.diff(margins) >= 0).all()


def test_the_row_nearest_to_the_centre_of_its_cluster_is_chosen():
    probabilities = with_margin([0.5] * 6)
    features = np.array([[0.0], [1.0], [2.2], [20.0], [21.1], [22.0]])
    assert sorted(images_to_label(probabilities, features, count=2)) == [1, 4]


def test_unsure_rows_pull_a_centre():
    """Weights 1, 0.15, 0.15: the mean is 0.25; without weights it would be 0.73."""
    probabilities = with_margin([0.0, 0.85, 0.85])
    features = np.array([[0.0], [1.0], [1.2]])
    assert images_to_label(probabilities, features, count=1).tolist() == [0]


@pytest.mark.filterwarnings("error")
def test_copies_and_sure_rows_make_up_the_number():
    copies = np.tile([[0.6, 0.4]], (5, 1))
    assert sorted(images_to_label(copies, count=4)) == [0, 1, 2, 3]
    assert sorted(images_to_label(copies)) == [0, 1, 2, 3, 4]
    certain = np.eye(2)[[0, 1, 0]]
    assert sorted(images_to_label(certain, [[0.0], [1.0], [2.0]], count=3)) == [0, 1, 2]


def test_only_the_least_sure_of_many_are_grouped(monkeypatch):
    monkeypatch.setattr(MODULE, "_MOST_ROWS", 3)
    probabilities = with_margin([0.8, 0.1, 0.2, 0.3, 0.7])
    features = np.arange(5.0)[:, None]
    assert images_to_label(probabilities, features, count=2).max() <= 3
    assert len(images_to_label(probabilities, features, count=5)) == 5


def test_the_same_seed_chooses_the_same():
    probabilities = RNG.dirichlet([1, 1, 1], 200)
    chosen = [images_to_label(probabilities, None, 9, s).tolist() for s in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(set(chosen[0])) == 9


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def row(file, suggested, confidence):
    return {
        "file": file,
        "label": "",
        "suggested": suggested,
        "confidence": confidence,
    }


def test_table_has_suggestions_and_an_empty_column(tmp_path):
    path = tmp_path / "label.csv"
    files = ['a, "b".png', "ä.png"]
    probabilities = [[0.25, 0.75], [0.5, 0.5]]
    write_annotation_csv(path, files, probabilities, class_names=["cat", "dög, big"])
    assert read(path) == [
        row(files[0], "dög, big", "0.7500"),
        row(files[1], "cat", "0.5000"),
    ]
    assert path.read_text(encoding="utf-8").startswith("file,label,")
    # An empty one may be replaced.
    write_annotation_csv(str(path), np.array([8]), [[0.1, 0.9]])
    assert read(path) == [row("8", "1", "0.9000")]


@pytest.mark.parametrize(
    "content",
    ["file,label\na.png,\nb.png,3\n", "price,amount\n1,2\n", "\x00\xff"],
)
def test_labels_and_other_files_are_never_overwritten(tmp_path, content):
    path = tmp_path / "label.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(FileExistsError, match=r"label\.csv' has labels"):
        write_annotation_csv(path, ["a.png"], [[0.5, 0.5]])
    assert path.read_bytes() == content.encode("latin-1")
