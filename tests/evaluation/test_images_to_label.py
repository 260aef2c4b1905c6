"""The images to label are unsure and different, and their table keeps what is in it."""

import csv
import importlib

import numpy as np
import pytest
from sklearn.cluster import KMeans

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


def expected_choice(probabilities, features, count, seed=0):
    """By the definition, cluster by cluster."""
    found = KMeans(2 * count, random_state=seed).fit(features)
    clusters = []
    for k, centre in enumerate(found.cluster_centers_):
        (members,) = np.nonzero(found.labels_ == k)
        nearest = min(members, key=lambda n: np.sum((features[n] - centre) ** 2))
        errors = sum(1 - max(probabilities[n]) for n in members)
        clusters.append((-errors, nearest))
    return [nearest for _, nearest in sorted(clusters)[:count]]


@pytest.mark.parametrize("count", [1, 5, 20])
def test_typical_images_of_the_clusters_of_most_expected_errors(count):
    # Least sure first, as they are grouped.
    probabilities = with_margin(np.linspace(0.01, 0.95, 200))
    features = RNG.normal(size=(200, 3))
    expected = expected_choice(probabilities, features, count)
    chosen = images_to_label(probabilities, features, count)
    assert chosen.tolist() == expected
    # Of images as of rows.
    images = features.reshape(200, 1, 3)
    assert images_to_label(probabilities, images, count).tolist() == expected


def test_near_copies_are_chosen_once_and_sure_images_last():
    """Fifty near-copies and two groups of five that are as unsure, among sure ones."""
    near = RNG.normal(scale=0.01, size=(50, 2))
    probabilities = with_margin([*np.linspace(0, 0.05, 60), *np.full(100, 0.98)])
    features = np.concatenate(
        [
            near,
            near[:5] + np.array([500, 0]),
            near[:5] + np.array([0, 500]),
            RNG.normal(scale=5, size=(100, 2)) + np.array([900, 900]),
        ]
    )
    group = np.array([0] * 50 + [1] * 5 + [2] * 5 + [3] * 100)
    least_sure = np.argsort(-(1 - probabilities.max(axis=1)), kind="stable")[:3]
    assert group[least_sure].tolist() == [0, 0, 0]
    chosen = images_to_label(probabilities, features, count=3)
    assert group[chosen[0]] == 0
    assert sorted(group[chosen]) == [0, 1, 2]


@pytest.mark.filterwarnings("error")
def test_copies_and_sure_rows_make_up_the_number():
    copies = np.tile([[0.6, 0.4]], (5, 1))
    assert sorted(images_to_label(copies, count=4)) == [0, 1, 2, 3]
    assert sorted(images_to_label(copies)) == [0, 1, 2, 3, 4]
    certain = np.eye(2)[[0, 1, 0]]
    assert sorted(images_to_label(certain, [[0.0], [1.0], [2.0]], count=3)) == [0, 1, 2]


def test_clusters_that_stay_empty_are_left_out(monkeypatch):
    """K-means of points that hardly differ may use fewer clusters than it was given."""
    points = np.array([[0.0], [0.0], [5.0], [9.0], [9.1]])
    probabilities = with_margin([0.9, 0.8, 0.1, 0.5, 0.6])

    class Gap:
        def __init__(self, clusters, random_state):
            assert clusters == 4

        def fit(self, found):
            # The least sure first: rows 2, 3, 4, 1, 0. No row is of cluster 1.
            assert found.ravel().tolist() == [5.0, 9.0, 9.1, 0.0, 0.0]
            self.labels_ = np.array([3, 2, 2, 0, 0])
            self.cluster_centers_ = np.array([[0.0], [-1.0], [9.04], [5.0]])
            return self

    monkeypatch.setattr("sklearn.cluster.KMeans", Gap)
    # Expected errors: rows 3 and 4 0.25 + 0.2, row 2 alone 0.45, rows 0 and 1 0.15, but
    # for the third class.
    assert images_to_label(probabilities, points, count=3).tolist() == [3, 2, 1]


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
