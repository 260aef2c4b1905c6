"""What is tried for lost cells: each way does what it says, and a run its row."""

import csv

import keras
import numpy as np
import pytest

from keras_drmm import data
from recipes import lost_cells
from recipes.common import results
from recipes.lost_cells import WAYS
from recipes.tables import training
from recipes.tables.cells import PRETRAINING, Cell
from tests.recipes.tiny_mnist import tiny_mnist


@pytest.mark.smoke
def test_every_recorded_way_has_the_meaning_that_it_has_in_the_code():
    with (results.RESULTS / "lost_cells.csv").open(newline="") as file:
        found = {row["way"]: row["meaning"] for row in csv.DictReader(file)}
    assert found == {name: WAYS[name].meaning for name in found}
    assert len(found) > 3
    assert all(way.meaning.endswith(".") for way in WAYS.values())


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("as it is", [(40, False)]),
        ("a quarter of the steps", [(10, False)]),
        ("still templates", [(40, True)]),
        ("still at first", [(20, True), (20, False)]),
    ],
)
def test_stages_are_the_epochs_of_the_cell_or_their_share(name, stages):
    assert WAYS[name].stages(40) == stages
    # Of one epoch, none is left out.
    assert sum(number for number, _ in WAYS[name].stages(1)) == 1


def settings_of(model):
    """Return what the ways change of a compiled model."""
    optimizer = model.optimizer.get_config()
    return {
        "rate": optimizer["learning_rate"]["config"]["initial_learning_rate"],
        "steps": optimizer["learning_rate"]["config"]["decay_steps"],
        "averaged": optimizer["use_ema"],
        "still": not any(level.conv.trainable for level in model.levels),
        "noise": model.algorithm.augmentation.stddev,
        **{
            name: getattr(model.algorithm, name)
            for name in ("consistency", "reconstruction", "entropy", "cross_entropy")
        },
    }


@pytest.mark.smoke
def test_ways_differ_from_the_cell_by_what_they_name():
    cell = Cell(1, PRETRAINING, "rfm", 600)
    own = settings_of(training.make_model(cell, 50, (16, 16, 1)))
    # The table has the best of the ways.
    own["noise"] = training.ZOO_NOISE
    changes = {
        "averaged weights": {"averaged": True},
        "a quarter of the rate": {"rate": 1e-3},
        "consistency 10": {"consistency": 10.0},
        "twice the noise": {"noise": 0.8},
        "noise of 1": {"noise": 1.0},
        "reconstruction 1": {"reconstruction": 1.0},
    }
    for name, way in WAYS.items():
        model = training.make_model(cell, 50, (16, 16, 1))
        way.compile(model, 30, still=False)
        expected = {**own, "steps": 30, **changes.get(name, {})}
        assert settings_of(model) == pytest.approx(expected), name
        way.compile(model, 30, still=True)
        assert settings_of(model) == pytest.approx({**expected, "still": True}), name


@pytest.mark.smoke
@pytest.mark.parametrize("way", ["still templates", "four times the images"])
def test_what_pre_training_gives_cannot_stay_without_it(way, capsys):
    with pytest.raises(SystemExit):
        lost_cells.parse(["--setting", "labeled-only", "--way", way])
    assert f"--way '{way}' is of pre-trained templates" in capsys.readouterr().err
    assert lost_cells.parse(["--way", way]).way == way


def test_a_run_records_its_row_and_keeps_still_templates(
    monkeypatch, tmp_path, backend
):
    monkeypatch.setattr(data, "load", lambda *_: tiny_mnist())
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(results, "command", lambda: "command")
    monkeypatch.setattr(training, "default_epochs", lambda cell: 1)
    templates = []

    def pretrain(model, images, number):
        assert number == 10_000
        model.levels[0].conv.kernel.assign(model.levels[0].conv.kernel * 2)
        templates.append((model, keras.ops.copy(model.levels[0].conv.kernel)))

    monkeypatch.setattr(training, "pretrain_templates", pretrain)
    arguments = ["--labels", "100", "--way", "still templates", "--backend", backend]
    monkeypatch.setattr("sys.argv", ["lost_cells.py", *arguments])
    monkeypatch.setattr(results, "origin", lambda _: {"machine": "one"})
    lost_cells.main()
    ((model, kernel),) = templates
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(model.levels[0].conv.kernel),
        keras.ops.convert_to_numpy(kernel),
    )
    with (tmp_path / "lost_cells.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["model"], row["labels"], row["way"]) == ("rfm", "100", arguments[3])
    assert row["meaning"] == WAYS["still templates"].meaning
    images = int(row["validation_images"])
    assert float(row["validation_error"]) * images / 100 % 1 == pytest.approx(0)
