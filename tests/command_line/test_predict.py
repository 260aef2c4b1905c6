"""`predict` answers what the model does, and has a line for each file."""

import csv

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax

from keras_drmm import zoo
from tests.command_line.conftest import CLASSES, write_digits


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "class", "probability", "score"]
    return {row["file"]: row for row in rows}


def test_answers_are_those_of_the_model(fitted, tmp_path, call):
    numbers = range(200, 230)
    images, _ = write_digits(tmp_path / "new", numbers, 0)
    # A subfolder without any image that can be read is no class here.
    (tmp_path / "new" / "a").mkdir()
    (tmp_path / "new" / "a" / "broken, or not.png").write_bytes(b"GIF89a")
    answers = tmp_path / "answers.csv"
    status, told, error = call("predict", fitted, tmp_path / "new", "--output", answers)
    assert status == 0
    assert "30 answers; score: ln p(image, class, switches) in nats" in told
    assert "1 files have none" in told
    assert "left out: a/broken, or not.png (" in error
    found = read(answers)
    assert len(found) == 31
    assert list(found.pop("a/broken, or not.png").values())[1:] == ["", "", ""]
    model, x = zoo.from_preset(fitted), images.astype("float32") / 255
    probabilities = softmax(model.predict(x, verbose=0), axis=1)
    rows = [found[f"unlabelled/{number:03}.png"] for number in numbers]
    assert [row["class"] for row in rows] == [
        CLASSES[k] for k in probabilities.argmax(axis=1)
    ]
    for column, expected in (
        ("probability", probabilities.max(axis=1)),
        ("score", model.max_sum_score(x)),
    ):
        written = [float(row[column]) for row in rows]
        np.testing.assert_allclose(written, expected, rtol=1e-4)


@pytest.mark.once
def test_a_keras_file_answers_alike(fitted, tmp_path, call):
    images, _ = write_digits(tmp_path / "new", range(200, 210), 0)
    # They are resized as in `fit`.
    Image.fromarray(images[0, ..., 0].repeat(2, 0).repeat(2, 1)).save(
        tmp_path / "new" / "large.png"
    )
    zoo.from_preset(fitted).save(tmp_path / "model.keras")
    found = []
    for model in (fitted, tmp_path / "model.keras"):
        answers = tmp_path / f"{model.name}.csv"
        assert call("predict", model, tmp_path / "new", "--output", answers)[0] == 0
        found.append(read(answers))
    assert len(found[0]) == 11
    assert found[0] == found[1]


@pytest.mark.once
def test_other_zoo_models_score_by_what_they_have(tmp_path, call):
    write_digits(tmp_path / "new", range(4), 0)
    for make, told in ((zoo.rmm, "ln p(image), in nats"), (zoo.rfm, "a lower bound")):
        model = make(input_shape=(14, 14, 1), num_classes=2)
        folder = zoo.save_to_preset(tmp_path / make.__name__, model)
        answers = tmp_path / f"{make.__name__}.csv"
        status, text, _ = call("predict", folder, tmp_path / "new", "--output", answers)
        assert status == 0
        assert told in text
        # Classes without names are called by their numbers.
        assert {row["class"] for row in read(answers).values()} <= {"0", "1"}


@pytest.mark.once
def test_what_cannot_be_done_writes_nothing(fitted, photos, tmp_path, call):
    answers = tmp_path / "answers.csv"
    (tmp_path / "text.keras").write_text("no model")
    (tmp_path / "empty").mkdir()
    for model, folder, message in (
        ("no_model", photos, "There is no preset 'no_model', nor a folder"),
        ("none.keras", photos, "There is no file none.keras"),
        (tmp_path / "text.keras", photos, "text.keras"),
        (fitted, tmp_path / "nowhere", "`path` must be a folder"),
        (fitted, tmp_path / "empty", "There is no image in"),
    ):
        status, _, error = call("predict", model, folder, "--output", answers)
        assert status == 1
        assert message in error
        assert error.startswith("python -m keras_drmm predict: error: ")
        assert error.count("\n") == 1
        assert not answers.exists()
    answers.write_text("mine")
    status, _, error = call("predict", fitted, photos, "--output", answers)
    assert status == 1
    assert "answers.csv exists and is not overwritten" in error
    assert answers.read_text() == "mine"
    status, _, error = call("predict", fitted, photos, "--output", "no/answers.csv")
    assert status == 1
    assert "no is no folder" in error
