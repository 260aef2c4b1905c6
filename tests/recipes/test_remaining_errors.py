"""The counts of remaining errors, and the row and the picture made of them."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from keras_drmm import data, zoo
from keras_drmm.learning.pseudo_labels import CONFIDENCE
from recipes import remaining_errors as recipe
from recipes.common import measure, results
from tests.zoo.test_presets import METADATA


@pytest.mark.smoke
def test_counts_are_those_of_the_confusion_matrix():
    random = np.random.default_rng(0)
    posterior = random.dirichlet(np.full(4, 0.02), 500)
    labels = random.choice(4, 500, p=[0.5, 0.3, 0.1, 0.1])
    sure = posterior.max(1) > CONFIDENCE
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


X = np.random.default_rng(0).integers(0, 256, (400, 16, 16), "uint8")
CARD = METADATA | {"labels": 30, "draw": 1}


class Tiny:
    """A preset, the folder of its data set, and what the command makes of them."""

    def __init__(self, folder, backend, model, classes):
        self.folder, self.backend, self.plotted = folder, backend, {}
        self.model, self.classes = model, classes
        self.save(CARD)

    def save(self, card):
        self.preset = zoo.save_to_preset(
            self.folder / "tiny", self.model, card, overwrite=True
        )

    def run(self, y):
        """Run the command on these labels and return its rows."""
        np.savez(self.folder / "mnist.npz", x_train=X, y_train=y, x_test=X, y_test=y)
        arguments = ["--preset", str(self.preset), "--data-dir", str(self.folder)]
        recipe.main([*arguments, "--backend", self.backend])
        return self.rows()

    def rows(self):
        path = self.folder / "remaining_errors.csv"
        if not path.exists():
            return []
        with path.open() as file:
            return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def learned():
    """A model that has learned, and the classes that it takes the images for."""
    images = data.to_unit_range(X)
    model = zoo.rmm((16, 16, 1), 3, num_nuisances=2)
    model.fit(images, np.arange(400) % 3, verbose=0)
    return model, model.predict(images, verbose=0).argmax(1)


@pytest.fixture
def tiny(tmp_path, monkeypatch, backend, learned):
    tiny = Tiny(tmp_path, backend, *learned)
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(results, "command", lambda: "command")
    monkeypatch.setattr(recipe, "IMAGES", tmp_path)
    # So that, as with MNIST, more than these are hidden of the 400 images.
    monkeypatch.setattr(measure, "VALIDATION_IMAGES", 20)
    monkeypatch.setattr(
        "keras_drmm.analysis.grid.save_grid",
        lambda rows, pixel_range, path: tiny.plotted.update(rows, path=path),
    )
    return tiny


def test_row_and_picture_are_of_the_hidden_images(tiny):
    """Labelled images do not count; the most confident errors are plotted."""
    classes = tiny.classes
    y = np.where(np.arange(400) % 4 == 0, (classes + 1) % 3, classes)
    (row,) = tiny.run(y)

    dataset = data.semi_supervised(
        *(X, y, 30),
        labelled_per_batch=16,
        validation=20,
        validation_images_unlabelled=True,
        seed=1,
    )
    labelled = dataset.labelled_indices
    assert len(labelled) == 30
    hidden = np.setdiff1d(np.arange(400), labelled)
    assert row["preset"] == "tiny"
    assert int(row["images"]) == 370
    wrong = hidden[hidden % 4 == 0]
    assert int(row["wrong"]) == len(wrong)
    assert tiny.plotted.pop("path") == tiny.folder / "remaining_errors_tiny.png"
    first, *confusions = tiny.plotted
    assert len(confusions) == 3
    # The labelled images of its class are above the first confusion.
    images, label = data.to_unit_range(X), row["confusions"][0]
    assert first == f"labelled {label}"
    assert confusions[0].startswith(label)
    of_class = labelled[y[labelled] == int(label)]
    assert len(of_class) == 10
    np.testing.assert_array_equal(tiny.plotted[first], images[np.sort(of_class)])
    for name in confusions:
        label, taken_for = (int(word) for word in name.split() if word.isdigit())
        of_pair = wrong[(y[wrong] == label) & (classes[wrong] == taken_for)]
        logits = tiny.model.predict(images[of_pair], verbose=0)
        surest = np.argsort(-np.exp(logits)[:, taken_for] / np.exp(logits).sum(1))
        # As many of each row as there are labelled images.
        np.testing.assert_array_equal(tiny.plotted[name], images[of_pair[surest[:10]]])


def test_rows_are_as_long_as_the_shortest(tiny):
    y = tiny.classes.copy()
    wrong = np.flatnonzero(y == 0)[:40]
    y[wrong] = 1
    tiny.run(y)
    del tiny.plotted["path"]
    # Most of the 40 are hidden, but no more of them are plotted than were labelled.
    assert [*tiny.plotted] == ["labelled 1", "1 taken\nfor 0"]
    assert {len(row) for row in tiny.plotted.values()} == {10}


def test_no_error_is_a_row_without_a_picture(tiny):
    (row,) = tiny.run(tiny.classes)
    assert (row["wrong"], row["confusions"]) == ("0", "")
    assert tiny.plotted == {}


def test_a_failed_picture_leaves_no_row(tiny, monkeypatch):
    def fail(*arguments):
        raise ImportError("matplotlib is missing")

    monkeypatch.setattr("keras_drmm.analysis.grid.save_grid", fail)
    with pytest.raises(ImportError, match="matplotlib"):
        tiny.run((tiny.classes + 1) % 3)
    assert tiny.rows() == []


@pytest.mark.smoke
@pytest.mark.parametrize("labels", [400, 60_000])
def test_a_preset_of_all_labels_has_nothing_hidden(labels, tiny):
    tiny.save(CARD | {"labels": labels})
    with pytest.raises(SystemExit, match=f"learned {labels} labels of 400 images"):
        tiny.run(tiny.classes)
    assert tiny.rows() == []


@pytest.mark.smoke
@pytest.mark.parametrize("field", ["data", "labels", "draw"])
def test_a_card_without_a_field_ends_with_its_name(field, tiny):
    path = tiny.preset / "metadata.json"
    metadata = json.loads(path.read_text())
    del metadata[field]
    path.write_text(json.dumps(metadata))
    with pytest.raises(SystemExit, match=rf"metadata\.json has no {field}\."):
        tiny.run(tiny.classes)


@pytest.mark.smoke
def test_an_unknown_preset_or_damaged_data_ends_with_what_is_wrong(tiny, backend):
    with pytest.raises(SystemExit, match=r"no preset 'nothing'.*Available presets"):
        recipe.main(["--preset", "nothing", "--backend", backend])
    (tiny.folder / "mnist.npz").write_bytes(b"PK")
    arguments = ["--preset", str(tiny.preset), "--data-dir", str(tiny.folder)]
    with pytest.raises(SystemExit, match=r"mnist\.npz cannot be read"):
        recipe.main([*arguments, "--backend", backend])
