"""`fit` writes a folder that loads, goes on after a stop, and loses nothing."""

import json
import re
import shutil

import numpy as np
import pytest

from keras_drmm import data, zoo
from keras_drmm.callbacks import Resume
from tests.command_line.conftest import CLASSES, FIT, write_digits


def folder_of(path):
    return sorted(v.name for v in path.iterdir())


def test_the_folder_holds_model_report_and_pictures(photos, fitted):
    assert folder_of(fitted) == [
        *("README.md", "config.json", "fit.json", "metadata.json"),
        *("model.weights.h5", "reconstructions.png", "report.html"),
        "report_to_label.csv",
    ]
    assert not fitted.with_name("model.unfinished").exists()
    model = zoo.from_preset(fitted)
    assert model.class_names == CLASSES
    assert model.image_shape == (8, 8, 1)
    card = json.loads((fitted / "metadata.json").read_text())
    assert (card["images"], card["labels"], card["epochs"]) == (100, 36, 2)
    # The images to label next are files of the folder, none of them labelled.
    table = (fitted / "report_to_label.csv").read_text().splitlines()[1:]
    assert len(table) == 25
    for line in table:
        assert (photos / line.split(",")[0]).parent.name == "unlabelled"


def test_the_error_is_that_of_the_rows_kept_back(photos, fitted):
    found = data.load_folder(photos, verbose=0)
    dataset = data.semi_supervised(
        found.images, found.labels, None, validation=12, seed=3
    )
    images, labels = dataset.validation
    classes = zoo.from_preset(fitted).predict(images, verbose=0).argmax(axis=1)
    page = (fitted / "report.html").read_text("utf-8")
    assert f'<span id="errors">{int((classes != labels).sum())}</span>' in page
    assert '<span id="rows">12</span>' in page


def test_a_stopped_fit_goes_on_to_the_same_weights(
    photos, fitted, tmp_path, monkeypatch, call
):
    begin = Resume.on_epoch_begin

    def stop(callback, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt
        begin(callback, epoch, logs)

    output = tmp_path / "again"
    with monkeypatch.context() as patch:
        patch.setattr(Resume, "on_epoch_begin", stop)
        status, _, error = call("fit", photos, "--output", output, *FIT)
    assert status == 130
    assert error.endswith("fit: interrupted\n")
    assert folder_of(tmp_path) == ["again.unfinished"]
    # Other settings would make of it what no single fit is.
    other = [*FIT[:-1], "4"]
    status, _, error = call("fit", photos, "--output", output, *other)
    assert status == 1
    assert "had other seed. Give the same command" in error
    status, told, _ = call("fit", photos, "--output", output, *FIT)
    assert status == 0
    assert "going on with" in told
    assert "Epoch 2/2" in told
    assert "Epoch 1/2" not in told
    assert folder_of(tmp_path) == ["again"]
    ours, unbroken = (zoo.from_preset(v).get_weights() for v in (output, fitted))
    for one, two in zip(ours, unbroken, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_files_that_are_no_images_are_listed(photos, tmp_path, call):
    # It stops after it has read them.
    (tmp_path / "model").mkdir()
    words = ("fit", photos, "--epochs", 1, "--validation", 60)
    status, _, error = call(*words, "--output", tmp_path / "new")
    assert status == 1
    assert "left out: notes.txt (the suffix '.txt'" in error
    assert "left out: unlabelled/broken.png (" in error
    assert "`validation` must leave at least 1 of the 48 rows" in error
    assert folder_of(tmp_path) == ["model"]


@pytest.mark.once
def test_what_exists_is_not_touched(photos, fitted, tmp_path, call):
    status, _, error = call("fit", photos, "--output", fitted, "--epochs", 1)
    assert status == 1
    assert "model exists and is not overwritten" in error
    status, _, error = call("fit", photos, "--output", photos / "m", "--epochs", 1)
    assert status == 1
    assert "would be one of the files in" in error
    unfinished = tmp_path / "m.unfinished"
    unfinished.mkdir()
    (unfinished / "mine.txt").touch()
    status, _, error = call("fit", photos, "--output", tmp_path / "m", "--epochs", 1)
    assert status == 1
    assert "fit.json is missing or damaged" in error
    assert folder_of(unfinished) == ["mine.txt"]


@pytest.mark.once
def test_labels_of_too_few_classes(photos, tmp_path, call):
    table = tmp_path / "labels.csv"
    for text, message in (
        ("", r"at least 2 classes, got []"),
        ("unlabelled/050.png,a\n", r"at least 2 classes, got ['a']"),
    ):
        table.write_text(f"file,label\n{text}")
        words = ("fit", photos, "--epochs", 1, "--labels", table)
        status, _, error = call(*words, "--output", tmp_path / "m")
        assert status == 1
        assert message in error
    table.write_text("file,label\nunlabelled/050.png,a\nunlabelled/051.png,b\n")
    status, _, error = call(
        *words, "--output", tmp_path / "m", "--validation", 1, "--seed", 0
    )
    assert status == 1
    assert "is left to learn from" in error
    assert folder_of(tmp_path) == ["labels.csv"]


@pytest.mark.once
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--image-size", 9, 8], "--image-size must be [8, 8] with this --preset"),
        (["--color-mode", "rgb"], "--color-mode must be grayscale with this --preset"),
        (["--prior-components", 3], "give --prior-epochs, too"),
    ],
)
def test_options_that_contradict_each_other(
    photos, fitted, tmp_path, call, options, message
):
    words = ("fit", photos, "--epochs", 1, "--preset", fitted, *options)
    status, _, error = call(*words, "--output", tmp_path / "m")
    assert status == 1
    assert message in error
    assert folder_of(tmp_path) == []


@pytest.mark.once
def test_a_preset_is_gone_on_with(photos, fitted, tmp_path, call):
    """Of the same classes it keeps the templates; of others it has new ones."""
    before = zoo.from_preset(fitted)
    words = ("fit", photos, "--epochs", 1, "--batch-size", 100, "--preset", fitted)
    status, told, _ = call(*words, "--output", tmp_path / "same")
    assert status == 0
    assert "class templates: those of the preset" in told
    after = zoo.from_preset(tmp_path / "same")
    # One step changes little.
    np.testing.assert_allclose(
        after.templates.templates.numpy(), before.templates.templates.numpy(), atol=0.02
    )
    others = tmp_path / "others"
    write_digits(others, range(100, 140), 20)
    shutil.move(others / "two", others / "zwei")
    status, told, _ = call("fit", others, *words[2:], "--output", tmp_path / "new")
    assert status == 0
    assert "class templates: new" in told
    assert zoo.from_preset(tmp_path / "new").class_names == ("nought", "one", "zwei")
    # The labels that the preset learned are known to the new model as well.
    learned = [
        json.loads((v / "fit.json").read_text())["learned"]
        for v in (fitted, tmp_path / "new")
    ]
    assert [len(v) for v in learned] == [36, 56]
    assert learned[0].items() < learned[1].items()
    assert set(learned[1].values()) == {"nought", "one", "two", "zwei"}
    # Others are kept back than before.
    validation = ("--validation", 12, "--seed", 4)
    status, _, error = call(*words, *validation, "--output", tmp_path / "other")
    assert status == 1
    assert re.search(r"learned the labels of \d+ of the images that are kept", error)


def test_a_prior_makes_samples_and_scores(photos, fitted, tmp_path, call):
    output = tmp_path / "prior"
    words = ("--epochs", 1, "--batch-size", 50, "--preset", fitted)
    prior = ("--prior-epochs", 1, "--prior-components", 1)
    status, told, _ = call("fit", photos, "--output", output, *words, *prior)
    assert status == 0, told
    assert "no report.html" in told
    assert (output / "samples.png").stat().st_size > 1000
    model = zoo.from_preset(output)
    answers = tmp_path / "answers.csv"
    status, told, _ = call("predict", output, photos, "--output", answers)
    assert status == 0
    assert "score: how well the model explains the image, by its prior" in told
    found = data.load_folder(photos, labels=False, verbose=0)
    scores = model.score_samples(data.to_unit_range(found.images))
    lines = dict(line.split(",", 1) for line in answers.read_text().splitlines())
    written = [float(lines[file].split(",")[2]) for file in found.files]
    np.testing.assert_allclose(written, scores, rtol=1e-4, atol=1e-3)
