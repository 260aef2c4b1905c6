"""A cell's run: what it learns from, what it records, and how it goes on."""

import csv
import json
import shutil

import keras
import numpy as np
import pytest

from keras_drmm import EG, HardEM, data, learning, zoo
from keras_drmm.zoo import settings
from recipes import publish_preset, table
from recipes.common import measure, results
from recipes.tables import training
from recipes.tables.cells import Cell
from tests.recipes.tables.command_line import options

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 256, (190, 12, 12), dtype="uint8")
Y = np.arange(190) % 10
TEST = RANDOM.integers(0, 256, (40, 12, 12), dtype="uint8"), np.arange(40) % 10


class Guarded:
    """Test images that may only be read if `is_over()`; counts how often they are."""

    def __init__(self, is_over):
        self.is_over, self.reads = is_over, 0

    def __iter__(self):
        assert self.is_over(), "the test images were read before training was over"
        self.reads += 1
        return iter(TEST)


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Let commands keep 20 images for validation and record to a folder of the test."""
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(results, "command", lambda: "command")
    monkeypatch.setattr(measure, "VALIDATION_IMAGES", 20)
    yield
    keras.config.set_dtype_policy("float32")


def run_for_an_epoch(monkeypatch, chosen):
    """Run a cell and stop it in its second epoch."""
    begin = training.EpochLog.begin

    def stop(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(training.EpochLog, "begin", stop)
        with pytest.raises(KeyboardInterrupt):
            table.run(Cell.of(vars(chosen)), chosen)


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two equal runs in half precision, and what was seen of them.

    Returns:
        (folder of the rows and of the runs "first" and "again", options, test images,
        dtypes of training, dtypes of scoring).
    """
    folder, learned, scored = tmp_path_factory.mktemp("finished"), [], []
    # Training is over when the run's learned dtypes are one ahead of its scored ones.
    test = Guarded(lambda: len(learned) > len(scored))
    train, score = training.train, training.test_error

    def record_training(model, *arguments):
        seconds = train(model, *arguments)
        learned.append(model.compute_dtype)
        return seconds

    def record_score(model, *images):
        scored.append(model.compute_dtype)
        return score(model, *images)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "RESULTS", folder)
        patch.setattr(results, "command", lambda: "command")
        patch.setattr(measure, "VALIDATION_IMAGES", 20)
        patch.setattr(data, "load", lambda *_: ((X, Y), test))
        patch.setattr(training, "train", record_training)
        patch.setattr(training, "test_error", record_score)
        for output in ("first", "again"):
            given = ["--model", "rfm", "--labels", "20", "--epochs", "2"]
            given += ["--dtype", "mixed_bfloat16", "--output", str(folder / output)]
            chosen = options(*given)
            table.run(Cell.of(vars(chosen)), chosen)
            # A finished run is not run again.
            table.run(Cell.of(vars(chosen)), chosen)
    keras.config.set_dtype_policy("float32")
    return folder, chosen, test, learned, scored


def test_test_images_are_read_once_after_training(finished):
    folder, chosen, test, *_ = finished
    assert test.reads == 2
    first, again = rows_of(folder / "tables.csv")
    kept = rows_of(results.PROJECT / "recipes" / "results" / "tables.csv")
    assert list(first) == list(kept[0])
    for column in ("validation_error", "test_error"):
        assert first[column] == again[column]

    # The row's figures are those of the saved weights.
    cell = Cell.of(vars(chosen))
    model = training.make_model(cell, 1, (12, 12, 1))
    model.load_weights(folder / "first" / "model.weights.h5")
    logits = model.predict(data.to_unit_range(TEST[0]), verbose=0)
    wrong = np.mean(logits.argmax(1) != TEST[1])
    assert float(first["test_error"]) == pytest.approx(100 * wrong, abs=0.005)
    assert first["objective"] == training.objective_of(model)
    assert first["settings"] == training.settings_json(cell, model, 2, "mixed_bfloat16")
    epochs = rows_of(folder / "epochs.csv")
    assert [row["epoch"] for row in epochs] == ["1", "2"] * 2
    assert {(row["table"], row["epochs"]) for row in epochs} == {("1", "2")}
    assert int(epochs[0]["seconds"]) <= int(epochs[1]["seconds"])


def test_half_precision_is_scored_in_single(finished):
    *_, learned, scored = finished
    assert (learned, scored) == (["bfloat16"] * 2, ["float32"] * 2)


def test_a_finished_run_becomes_a_preset(finished, monkeypatch, tmp_path):
    """With its weights and its row, and the spread over the cell's draws."""
    folder, *_ = finished
    _, row = rows_of(folder / "tables.csv")
    other = row | {"draw": "1", "test_error": str(float(row["test_error"]) - 5)}
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    for recorded in (other, row):
        path = tmp_path / "tables.csv"
        results.append_row(path, recorded)
    preset = publish_preset.publish(folder / "again", tmp_path / "rfm_small")
    model = zoo.from_preset(preset)
    logits = model.predict(data.to_unit_range(TEST[0]), verbose=0)
    metadata = json.loads((preset / "metadata.json").read_text())
    errors = [float(v["test_error"]) for v in (other, row)]
    wrong = 100 * np.mean(logits.argmax(1) != TEST[1])
    assert metadata["test_error"] == errors[1] == pytest.approx(wrong, abs=0.005)
    assert metadata["mean_test_error"] == pytest.approx(np.mean(errors), abs=0.005)
    assert metadata["std_test_error"] == pytest.approx(
        np.std(errors, ddof=1), abs=0.005
    )
    assert (metadata["draws"], metadata["draw"]) == (2, 0)


@pytest.mark.smoke
def test_runs_that_differ_have_folders_of_their_own(monkeypatch, tmp_path):
    """A short run, or one with other epochs, is not taken for the cell's."""
    for folder in (tmp_path, tmp_path / "other"):
        folder.mkdir(exist_ok=True)
        (folder / "mnist.npz").touch()
    given = [
        [],
        ["--short"],
        ["--short", "--images", "900"],
        ["--epochs", "3"],
        ["--seed", "1"],
        ["--draw", "1"],
        ["--dtype", "mixed_bfloat16"],
        ["--setting", "semi-supervised, nuisances"],
        ["--setting", "semi-supervised, second network"],
        ["--table", "3"],
        ["--table", "4"],
        ["--data-dir", str(tmp_path)],
        ["--data-dir", str(tmp_path / "other")],
    ]
    chosen = [options(*v) for v in given]
    names = {table.name_of(Cell.of(vars(v)), v) for v in chosen}
    assert len(names) == len(given)
    assert not any(set(name) & set(" ,/") for name in names)


@pytest.mark.smoke
def test_a_run_with_another_default_of_epochs_is_another(monkeypatch):
    chosen = options("--model", "rfm")
    before = table.name_of(Cell.of(vars(chosen)), chosen)
    monkeypatch.setitem(training.EPOCHS, "rfm", 9)
    assert table.name_of(Cell.of(vars(chosen)), chosen) != before


def other_objective(monkeypatch):
    monkeypatch.setattr(settings, "EG", lambda **v: EG(**{**v, "entropy": 2.0}))


def other_learning_rate(monkeypatch):
    cosine_decay = settings.cosine_decay
    monkeypatch.setattr(
        settings, "cosine_decay", lambda rate, n: cosine_decay(2 * rate, n)
    )


def other_ramp(monkeypatch):
    monkeypatch.setitem(training.BASELINE_SETTINGS["pseudo_label"], "t2", 999)


def other_pretraining(monkeypatch):
    monkeypatch.setattr(training, "SWEEPS", 6)


def other_weight(monkeypatch):
    monkeypatch.setitem(training.BASELINE_SETTINGS["swwae"], "reconstruction", 6.0)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("arguments", "change"),
    [
        (["--model", "rfm"], other_objective),
        (["--model", "rfm"], other_learning_rate),
        (["--setting", "semi-supervised, nuisances"], other_learning_rate),
        # Only the first network has the term.
        (["--setting", "semi-supervised, second network"], other_objective),
        (["--setting", "unsupervised-pretraining"], other_pretraining),
        (["--model", "pseudo_label"], other_ramp),
        (["--model", "swwae"], other_weight),
    ],
)
def test_a_run_of_other_settings_is_another(monkeypatch, half, arguments, change):
    chosen = options(*arguments)

    def name():
        return table.name_of(Cell.of(vars(chosen)), chosen)

    before = name()
    # Whatever the process has done before.
    assert half(name) == name() == before
    change(monkeypatch)
    assert name() != before


def test_a_stopped_run_goes_on_unless_its_settings_changed(
    small, monkeypatch, tmp_path
):
    monkeypatch.setattr(table, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(data, "load", lambda *_: ((X, Y), TEST))
    given = ["--model", "rfm", "--labels", "20", "--epochs", "2"]
    chosen = options(*given, "--dtype", "mixed_bfloat16")
    run_for_an_epoch(monkeypatch, chosen)
    (run,) = (tmp_path / "runs").iterdir()
    assert [row["epoch"] for row in rows_of(run / "history.csv")] == ["1"]
    table.run(Cell.of(vars(chosen)), chosen)
    assert list((tmp_path / "runs").iterdir()) == [run]
    assert [row["epoch"] for row in rows_of(run / "history.csv")] == ["1", "2"]

    # It is finished now, and a run with other settings is not.
    table.run(Cell.of(vars(chosen)), chosen)
    assert len(rows_of(tmp_path / "tables.csv")) == 1
    other_objective(monkeypatch)
    run_for_an_epoch(monkeypatch, chosen)
    (other,) = set((tmp_path / "runs").iterdir()) - {run}
    assert [row["epoch"] for row in rows_of(other / "history.csv")] == ["1"]


def test_a_run_of_more_labels_than_images_leaves_nothing(small, monkeypatch, tmp_path):
    monkeypatch.setattr(data, "load", lambda *_: ((X, Y), TEST))
    folder = tmp_path / "run"
    given = ["--model", "rfm", "--labels", "200", "--output", str(folder)]
    chosen = options(*given)
    with pytest.raises(ValueError, match="ask for at most 190 labels"):
        table.run(Cell.of(vars(chosen)), chosen)
    assert not folder.exists()


def test_a_short_run_keeps_its_setting_and_has_no_row(small, monkeypatch, tmp_path):
    """It keeps unlabelled images, as a whole run does."""
    monkeypatch.setattr(measure, "VALIDATION_IMAGES", 5000)
    monkeypatch.setattr(data, "load", lambda *_: ((X, Y), TEST))
    learned, train = [], training.train

    def record(model, dataset, *arguments):
        learned.append(dataset)
        return train(model, dataset, *arguments)

    monkeypatch.setattr(training, "train", record)
    given = ["--model", "rfm", "--labels", "20", "--short", "--images", "150"]
    chosen = options(*given, "--output", str(tmp_path / "run"))
    table.run(Cell.of(vars(chosen)), chosen)
    (dataset,) = learned
    assert len(dataset.labelled_indices) == 20
    assert len(dataset.unlabelled_indices) == 130
    assert len(dataset.validation_indices) == 65
    assert (dataset[0][1] < 0).any()
    row = json.loads((tmp_path / "run" / "finished.json").read_text())
    assert (row["epochs"], row["labels"]) == (1, 20)
    assert not list(tmp_path.glob("*.csv"))


def test_a_pretrained_run_starts_from_templates_without_labels(
    small, monkeypatch, tmp_path
):
    """It learns them once, and their seconds count."""
    monkeypatch.setattr(data, "load", lambda *_: ((X, Y), TEST))
    monkeypatch.setattr(training, "PRETRAINING_IMAGES", 150)
    given = ["--setting", "unsupervised-pretraining", "--model", "rfm"]
    given += ["--labels", "20", "--epochs", "2", "--output", str(tmp_path / "run")]
    chosen = options(*given)
    cell = Cell.of(vars(chosen))
    seen, started = [], []
    pretrain, train = learning.pretrain, training.train

    def kernel_of(model):
        return keras.ops.convert_to_numpy(model.levels[0].conv.kernel).copy()

    def record_images(model, images, algorithm, sweeps):
        assert (algorithm, sweeps) == (HardEM(step=0.5, gram_divisor=8), 5)
        before = kernel_of(model)
        losses = pretrain(model, images, algorithm, sweeps)
        seen.append((images, before, kernel_of(model)))
        return losses

    def record_start(model, *arguments):
        started.append(kernel_of(model))
        return train(model, *arguments)

    monkeypatch.setattr(learning, "pretrain", record_images)
    monkeypatch.setattr(training, "train", record_start)
    run_for_an_epoch(monkeypatch, chosen)

    ((images, before, learned),) = seen
    np.testing.assert_array_equal(images, data.to_unit_range(X[:150]))
    assert np.abs(learned - before).max() > 0.01
    np.testing.assert_array_equal(started, [learned])

    # As if it had taken longer.
    timed = tmp_path / "run" / "pretraining_seconds.txt"
    assert float(timed.read_text()) > 0
    timed.write_text("1000.0")
    table.run(cell, chosen)
    assert len(seen) == 1
    (row,) = rows_of(tmp_path / "tables.csv")
    epochs = rows_of(tmp_path / "epochs.csv")
    assert [row["epoch"] for row in epochs] == ["1", "2"]
    assert 1000 <= int(epochs[0]["seconds"]) <= int(row["seconds"])


def test_a_second_network_learns_what_the_first_would_label(
    small, monkeypatch, tmp_path
):
    monkeypatch.setattr(data, "load", lambda *_: ((X, Y), TEST))
    learned, asked = [], []
    train = training.train

    def record(model, dataset, *arguments):
        rows = [dataset[i] for i in range(len(dataset))]
        learned.append([np.concatenate(v) for v in zip(*rows, strict=True)])
        # Far more than a fast machine takes, so that what is left out shows.
        return 100 + train(model, dataset, *arguments)

    def guess(model, images, known):
        np.testing.assert_array_equal(images, data.to_unit_range(X))
        asked.append((model, known))
        return (Y + 1) % 10

    monkeypatch.setattr(training, "train", record)
    monkeypatch.setattr(learning, "neighbour_labels", guess)
    given = ["--setting", "semi-supervised, second network", "--model", "rfm"]
    given += ["--labels", "20", "--epochs", "1", "--output", str(tmp_path / "run")]
    chosen = options(*given)
    table.run(Cell.of(vars(chosen)), chosen)
    (model, known), (_, labels) = asked[0], learned[0]
    # The first network knows 20 labels, and has learned.
    assert (known >= 0).sum() == 20
    np.testing.assert_array_equal(known[known >= 0], Y[known >= 0])
    assert int(model.optimizer.iterations) > 0
    assert (labels < 0).any()
    # The second network learns all images by the labels they were given.
    images, labels = learned[1]
    images = np.rint(images[..., 0] * 255).astype("uint8")
    guessed = (Y + 1) % 10
    rows = {image.tobytes(): v for image, v in zip(X, guessed, strict=True)}
    assert [rows[image.tobytes()] for image in images] == labels.tolist()
    (row,) = rows_of(tmp_path / "tables.csv")
    assert float(row["validation_error"]) % 5 == 0
    # Every row has a label.
    assert "marginal_kl" not in row["objective"]
    epoch = rows_of(tmp_path / "epochs.csv")[0]
    # Both networks count, and the second's curve begins where the first's ends.
    assert 200 <= int(row["seconds"]) < 300
    assert 100 <= int(epoch["seconds"]) < 200

    # A run that was stopped after the first network goes on as if it had not been.
    run = tmp_path / "run"
    learned_by = training.make_model(Cell.of(vars(chosen)), 1, (12, 12, 1))
    learned_by.load_weights(run / "model.weights.h5")
    expected = learned_by.get_weights()
    (run / "history.csv").unlink()
    (run / "finished.json").unlink()
    shutil.rmtree(run / "checkpoint")
    table.run(Cell.of(vars(chosen)), chosen)
    assert (len(asked), len(learned)) == (1, 3)
    learned_by.load_weights(run / "model.weights.h5")
    for found, weight in zip(learned_by.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, weight)


def test_a_run_of_all_labels_becomes_a_preset(small, monkeypatch, tmp_path):
    """It has no validation rows, and its card says so."""
    monkeypatch.setattr(data, "load", lambda *_: ((X, Y), TEST))
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    given = ["--model", "rfm", "--labels", str(len(X)), "--epochs", "1"]
    chosen = options(*given, "--output", str(tmp_path / "run"))
    table.run(Cell.of(vars(chosen)), chosen)
    preset = publish_preset.publish(tmp_path / "run", tmp_path / "rfm_all")
    metadata = json.loads((preset / "metadata.json").read_text())
    assert metadata["validation_error"] is None
    assert "all labels were learned" in (preset / "README.md").read_text()
