"""What is counted, and which images and rows the recipe makes of it."""

import csv

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from keras_drmm import data, zoo
from recipes import remaining_errors as recipe
from recipes import report, results
from tests.zoo.test_presets import METADATA


@pytest.mark.smoke
def test_counts_are_those_of_the_confusion_matrix():
    random = np.random.default_rng(0)
    posterior = random.dirichlet(np.full(4, 0.02), 500)
    labels = random.choice(4, 500, p=[0.5, 0.3, 0.1, 0.1])
    sure = posterior.max(1) > recipe.SURE
    everything = confusion_matrix(labels, posterior.argmax(1))
    of_sure = confusion_matrix(labels[sure], posterior[sure].argmax(1))
    total, confusions = recipe.measure(posterior, labels)
    assert total == {
        "images": 500,
        "wrong": 500 - np.trace(everything),
        "sure": of_sure.sum(),
        "sure_and_wrong": of_sure.sum() - np.trace(of_sure),
    }
    assert 0 < of_sure.sum() < 500
    wrong = everything - np.diag(np.diag(everything))
    assert [count for count, _ in confusions.values()] == sorted(wrong.ravel())[:-4:-1]
    for pair, found in confusions.items():
        assert found == (everything[pair], of_sure[pair])


def test_row_and_picture_are_of_the_hidden_images(tmp_path, monkeypatch, backend):
    """The labelled images do not count; the surest errors are drawn."""
    x = np.random.default_rng(0).integers(0, 256, (400, 16, 16), "uint8")
    model = zoo.rmm((16, 16, 1), 3, num_nuisances=2)
    model.fit(data.to_unit_range(x), np.arange(400) % 3, verbose=0)
    classes = model.predict(data.to_unit_range(x), verbose=0).argmax(1)
    y = np.where(np.arange(400) % 4 == 0, (classes + 1) % 3, classes)
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    card = METADATA | {"labels": 30, "draw": 1}
    folder = zoo.save_preset(tmp_path / "tiny", model, card)
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(recipe, "IMAGES", tmp_path)
    drawn = {}
    monkeypatch.setattr(
        "keras_drmm.analysis.grid.save_grid",
        lambda rows, pixel_range, path: drawn.update(rows, path=path),
    )
    monkeypatch.setattr(results, "command", lambda: "command")
    arguments = ["--preset", str(folder), "--data-dir", str(tmp_path)]
    recipe.main([*arguments, "--backend", backend])

    # Of few images all that do not validate are labelled.
    dataset = data.semi_supervised(x, y, None, validation=370, seed=1)
    hidden = np.setdiff1d(np.arange(400), dataset.labelled_indices)
    with (tmp_path / "remaining_errors.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["preset"] == "tiny"
    assert int(row["images"]) == 370
    wrong = hidden[hidden % 4 == 0]
    assert int(row["wrong"]) == len(wrong)
    assert drawn.pop("path") == tmp_path / "remaining_errors_tiny.png"
    assert len(drawn) == 3
    images = data.to_unit_range(x)
    for name, pictures in drawn.items():
        label, taken_for = (int(word) for word in name.split() if word.isdigit())
        of_pair = wrong[(y[wrong] == label) & (classes[wrong] == taken_for)]
        logits = model.predict(images[of_pair], verbose=0)
        surest = np.argsort(-np.exp(logits)[:, taken_for] / np.exp(logits).sum(1))
        np.testing.assert_array_equal(
            pictures, images[of_pair[surest][: len(pictures)]]
        )


@pytest.mark.smoke
def test_table_has_a_preset_s_last_row_in_percent():
    row = {"preset": "a", "images": "200", "wrong": "9", "sure": "100"}
    row |= {"sure_and_wrong": "1", "confusions": "1 for 2: 4, 1"}
    table = report.remaining_table([row | {"wrong": "99"}, row])
    assert table.splitlines()[2:] == ["| a | 4.50 | 50.0 | 1.00 | 1 for 2: 4, 1 |"]
