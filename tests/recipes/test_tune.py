"""The search on MNIST records what it trained, and looks at no test image."""

import csv
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_drmm import data
from recipes import results
from recipes import tune as recipe

SMALL = {"input_shape": (8, 8, 1), "num_classes": 3}


def parsed(folder, *arguments):
    pytest.importorskip("keras_tuner")
    backend = keras.config.backend()
    options = recipe.parse(
        ["--model", "rfm", "--labels", "6", "--backend", backend, *arguments]
    )
    options.folder, options.output = folder / "search", folder / "tuning.csv"
    return options


def images(size=120):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (size, 8, 8), dtype="uint8"), np.arange(size) % 3


def rows(options):
    with options.output.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(autouse=True)
def _command(monkeypatch):
    monkeypatch.setattr(results, "command", lambda: "python recipes/tune.py")


def test_a_row_a_trial_and_a_second_run_adds_what_is_missing(tmp_path, capsys):
    x, y = images()
    recipe.search(x, y, parsed(tmp_path, "--trials", "1"), **SMALL)
    options = parsed(tmp_path, "--trials", "2")
    tuner = recipe.search(x, y, options, **SMALL)
    trials = sorted(tuner.oracle.trials.values(), key=lambda v: v.trial_id)
    found = rows(options)
    assert len(trials) == len(found) == 2
    for row, trial in zip(found, trials, strict=True):
        assert tuple(row) == recipe.COLUMNS
        assert all(row.values())
        values = trial.hyperparameters.values
        for name in {*recipe.SETTINGS, "learning_rate"} - {"nonnegativity"}:
            assert float(row[name]) == values[name]
        # Not tuned: an RFM's z has both signs.
        assert float(row["nonnegativity"]) == 0
        assert float(row["validation_error"]) == pytest.approx(trial.score, abs=0.01)
    recipe.show(tuner)
    lines = [v for v in capsys.readouterr().out.splitlines() if " %  trial " in v]
    shown = [float(v.split("%")[0]) for v in lines]
    assert shown == sorted(shown)
    assert len(shown) == 2


def test_hyperband_stops_after_the_trials_asked_for(tmp_path):
    options = parsed(tmp_path, "--tuner", "hyperband", "--trials", "2")
    tuner = recipe.search(*images(60), options, **SMALL)
    assert len(tuner.oracle.trials) == len(rows(options)) == 2


def test_test_images_are_not_looked_at(tmp_path, monkeypatch):
    class Untouchable:
        """Raises at any use."""

        def __getattribute__(self, name):
            raise AssertionError(f"test images: {name}")

    x, y = images()
    seen = []

    def search(x, y, options):
        seen.append((len(x), len(y)))

    options = parsed(tmp_path, "--images", "50")
    monkeypatch.setattr(recipe, "parse", lambda: options)
    monkeypatch.setattr(data, "load", lambda *_: ((x, y), (Untouchable(),) * 2))
    monkeypatch.setattr(recipe, "search", search)
    monkeypatch.setattr(recipe, "show", lambda tuner: None)
    recipe.main()
    assert seen == [(50, 50)]


@pytest.mark.smoke
def test_short_runs_are_not_recorded_among_the_results():
    recorded = Path(results.RESULTS) / "tuning.csv"
    assert recipe.parse([]).output == recorded
    assert recipe.parse(["--images", "9"]).output != recorded
