"""`report` measures the labels that the model did not learn, and no others."""

import csv
import re

import pytest

from keras_drmm import data, zoo
from tests.command_line.conftest import write_digits

pytestmark = pytest.mark.once


def value(page, name):
    return re.search(f'<span id="{name}">(.*?)</span>', page).group(1)


def test_learned_labels_do_not_count(photos, fitted, tmp_path, call):
    path = tmp_path / "trust.html"
    status, told, error = call("report", fitted, photos, "--output", path)
    assert status == 0
    assert "36 labelled images were learned and are not counted" in told
    assert "left out: notes.txt" in error
    # The same rows as in the report that `fit` wrote.
    pages = [v.read_text("utf-8") for v in (path, fitted / "report.html")]
    for name in ("rows", "errors", "ece", "flagged"):
        assert value(pages[0], name) == value(pages[1], name)
    assert "The model learned these labels" in pages[0]
    assert sorted(v.name for v in tmp_path.iterdir()) == [
        *("trust.html", "trust_reconstructions.png", "trust_to_label.csv")
    ]


def test_the_table_of_images_to_label_is_one_of_labels(photos, fitted, tmp_path, call):
    words = ("report", fitted, photos, "--count", 4)
    assert call(*words, "--output", tmp_path / "a.html")[0] == 0
    table = tmp_path / "a_to_label.csv"
    with table.open(newline="") as file:
        files = [row["file"] for row in csv.DictReader(file)]
    assert len(files) == 4
    table.write_text("file,label\n" + "".join(f"{v},one\n" for v in files))
    found = data.load_folder(photos, labels=table, verbose=0)
    labelled = [f for f, k in zip(found.files, found.labels, strict=True) if k == 0]
    assert labelled == sorted(files)
    status, _, error = call(*words, "--output", tmp_path / "a.html")
    assert status == 1
    assert "exists and is not overwritten" in error


def test_images_that_are_all_new(fitted, tmp_path, call):
    images, digits = write_digits(tmp_path / "new", range(200, 240), 40)
    path = tmp_path / "new.html"
    status, told, _ = call("report", fitted, tmp_path / "new", "--output", path)
    assert status == 0
    x = images.astype("float32") / 255
    wrong = zoo.from_preset(fitted).predict(x, verbose=0).argmax(axis=1) != digits
    page = path.read_text("utf-8")
    assert (value(page, "rows"), value(page, "errors")) == ("40", str(wrong.sum()))
    assert f"error {100 * wrong.mean():.1f} % (" in told
    assert "on 40 labelled images" in told
    assert "The model learned these labels" not in page


def test_classes_may_be_fewer_but_none_unknown(fitted, tmp_path, call):
    write_digits(tmp_path / "new", range(200, 230), 30)
    (tmp_path / "new" / "nought").rename(tmp_path / "new" / "unlabelled")
    path = tmp_path / "new.html"
    status, told, _ = call("report", fitted, tmp_path / "new", "--output", path)
    assert status == 0
    assert "new_reconstructions.png: 1 classes have no labelled image" in told
    (tmp_path / "new" / "one").rename(tmp_path / "new" / "uno")
    status, _, error = call(
        "report", fitted, tmp_path / "new", "--output", tmp_path / "b.html"
    )
    assert status == 1
    assert "has the classes ['uno'], but the model knows ['nought', 'one'" in error


def test_a_folder_of_learned_labels_is_refused(photos, fitted, tmp_path, call):
    table = tmp_path / "labels.csv"
    record = zoo.from_preset(fitted)
    assert record.class_names[0] == "nought"
    found = data.load_folder(photos, verbose=0)
    dataset = data.semi_supervised(
        found.images, found.labels, None, validation=12, seed=3
    )
    lines = [
        f"{found.files[row]},{found.class_names[found.labels[row]]}\n"
        for row in dataset.labelled_indices
    ]
    table.write_text("file,label\n" + "".join(lines))
    words = ("report", fitted, photos, "--labels", table)
    status, _, error = call(*words, "--output", tmp_path / "a.html")
    assert status == 1
    assert "has 0 labelled images that the model did not learn, and 36 that" in error


def test_without_a_record_all_are_taken_as_new(photos, fitted, tmp_path, call):
    zoo.from_preset(fitted).save(tmp_path / "m.keras")
    words = ("report", tmp_path / "m.keras", photos)
    status, told, _ = call(*words, "--output", tmp_path / "a.html")
    assert status == 0
    assert "all 48 labelled images are taken as new to it" in told
    assert value((tmp_path / "a.html").read_text("utf-8"), "rows") == "48"
