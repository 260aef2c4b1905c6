"""The search on MNIST records its trials and never uses test images."""

import csv
import json
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_drmm import data, zoo
from recipes import tune as recipe
from recipes.common import results
from tests.recipes.untouchable import Untouchable

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
    monkeypatch.setattr(results, "command", lambda: "python -m recipes.tune")


def test_a_row_a_trial_and_a_second_run_adds_what_is_missing(tmp_path, capsys):
    x, y = images()
    recipe.search(x, y, parsed(tmp_path, "--trials", "1"), **SMALL)
    options = parsed(tmp_path, "--trials", "2")
    tuner = recipe.search(x, y, options, **SMALL)
    trials = sorted(tuner.oracle.trials.values(), key=lambda v: v.trial_id)
    found = rows(options)
    assert len(trials) == len(found) == 2
    for row, trial in zip(found, trials, strict=True):
        assert set(row) == set(results.read_rows("tuning")[0])
        assert all(row.values())
        settings = dict(pair.split(" ") for pair in row["settings"].split(", "))
        values = trial.hyperparameters.values
        assert set(settings) == set(values)
        assert {"entropy", "consistency", "learning_rate"} < set(settings)
        # Not tuned: an RFM's z has both signs.
        assert "nonnegativity" not in settings
        for name, value in values.items():
            assert float(settings[name]) == value
        assert float(row["validation_error"]) == pytest.approx(trial.score, abs=0.01)
    recipe.show(tuner)
    lines = [v for v in capsys.readouterr().out.splitlines() if " %  trial " in v]
    shown = [float(v.split("%")[0]) for v in lines]
    assert shown == sorted(shown)
    assert len(shown) == 2


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("swwae", {"reconstruction": 300.0, "intermediate": 2.0, "dropout": 0.5}),
        ("ladder", {"noise": 0.4, "denoising": 3.0}),
        ("pseudo_label", {"alpha": 2.0, "t1": 60, "ramp": 70}),
        ("fixmatch", {"threshold": 0.8, "unlabelled": 2.0}),
        ("mean_teacher", {"consistency": 20.0, "decay": 0.99}),
    ],
)
def test_baselines_are_built_with_what_the_tuner_chose(name, own):
    keras_tuner = pytest.importorskip("keras_tuner")
    from recipes.tables.baseline_hypermodel import BaselineHyperModel

    hp = keras_tuner.HyperParameters()
    hp.values = {**own, "learning_rate": 3e-3}
    hypermodel = BaselineHyperModel(name, training_steps=80, **SMALL)
    baseline = hypermodel.build(hp)
    config = baseline.get_config()
    if name == "pseudo_label":
        own = {"alpha": 2.0, "t1": 60, "t2": 130}
    assert {key: config[key] for key in own} == own
    rate = baseline.optimizer._learning_rate
    assert float(rate(0)) == pytest.approx(3e-3)
    assert float(rate(80)) == pytest.approx(0, abs=1e-9)
    # The initial weights are the same each time.
    again = hypermodel.build(hp)
    for ours, theirs in zip(baseline.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_baseline_is_searched_for_as_our_models_are(tmp_path):
    options = parsed(tmp_path, "--model", "pseudo_label", "--trials", "1")
    tuner = recipe.search(*images(60), options, **SMALL)
    (row,), (trial,) = rows(options), tuner.oracle.trials.values()
    assert row["model"] == "pseudo_label"
    assert {v.split(" ")[0] for v in row["settings"].split(", ")} == {
        *("t1", "ramp", "alpha", "learning_rate")
    }
    assert float(row["validation_error"]) == pytest.approx(trial.score, abs=0.01)


def test_hyperband_stops_after_the_trials_asked_for(tmp_path, monkeypatch):
    from keras_drmm.tuning import EGHyperModel

    # The number of trials does not depend on what they learn.
    monkeypatch.setattr(
        EGHyperModel, "fit", lambda *_, **options: {"validation_error": 50.0}
    )
    options = parsed(tmp_path, "--tuner", "hyperband", "--trials", "2")
    tuner = recipe.search(*images(60), options, **SMALL)
    assert len(tuner.oracle.trials) == len(rows(options)) == 2


def test_test_images_are_never_used(tmp_path, monkeypatch):
    x, y = images()
    seen = []

    def search(x, y, options):
        seen.append((len(x), len(y)))

    options = parsed(tmp_path, "--images", "50")
    monkeypatch.setattr(recipe, "parse", lambda: options)
    monkeypatch.setattr(data, "load", lambda *_: ((x, y), Untouchable()))
    monkeypatch.setattr(recipe, "search", search)
    monkeypatch.setattr(recipe, "show", lambda tuner: None)
    recipe.main()
    assert seen == [(50, 50)]


@pytest.mark.smoke
def test_short_runs_are_not_recorded_among_the_results():
    recorded = Path(results.RESULTS) / "tuning.csv"
    assert recipe.parse([]).output == recorded
    assert recipe.parse(["--images", "9"]).output != recorded


def test_the_best_model_is_saved_as_a_preset(tmp_path):
    """Its card has the error that the loaded model has on the validation rows."""
    x, y = images()
    tuner = recipe.search(x, y, parsed(tmp_path, "--trials", "2"), **SMALL)
    recipe.save(tuner, tmp_path / "tuned")
    card = json.loads((tmp_path / "tuned" / "metadata.json").read_text("utf-8"))
    scores = [trial.score for trial in tuner.oracle.trials.values()]
    assert card["validation_error"] == round(min(scores), 2)
    dataset = data.semi_supervised(
        x, y, 6, validation=30, validation_images_unlabelled=True
    )
    rows, labels = dataset.validation
    logits = zoo.from_preset(tmp_path / "tuned").predict(rows, verbose=0)
    error = 100 * np.mean(logits.argmax(axis=1) != labels)
    assert error == pytest.approx(card["validation_error"], abs=0.01)


def part(folder, text, monkeypatch):
    """Make `run_parts` run a script of this text."""
    script = folder / "part.py"
    script.write_text(f"import os, sys, time\nname = os.environ[{recipe.ID!r}]\n{text}")
    monkeypatch.setattr(sys, "orig_argv", ["python", str(script)])


def test_parts_of_a_search_know_their_names_and_one_address(tmp_path, monkeypatch):
    names = recipe.PORT, "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"
    written = f"' '.join(os.environ[name] for name in {names})"
    text = f"open({str(tmp_path)!r} + '/' + name, 'w').write({written})"
    part(tmp_path, text, monkeypatch)
    recipe.run_parts(["chief", "worker_0", "worker_1"])
    ports = [
        (tmp_path / name).read_text() for name in ("chief", "worker_0", "worker_1")
    ]
    assert len(set(ports)) == 1
    port, *threads = ports[0].split()
    assert 1024 <= int(port) <= 65535
    assert threads == ["1", "1"]


def test_a_search_that_one_process_began_goes_on_under_a_chief(tmp_path, monkeypatch):
    x, y = images()
    options = parsed(tmp_path, "--trials", "1")
    recipe.search(x, y, options, **SMALL)
    monkeypatch.setenv(recipe.ID, recipe.CHIEF)
    recipe.adopt(options.folder)
    options.trials = 2
    recipe.search(x, y, options, **SMALL)
    # The first trial is not run again.
    assert len(rows(options)) == 2


@pytest.mark.parametrize("kind", ["random", "hyperband"])
def test_a_trial_that_was_stopped_after_its_row_has_one_row(
    kind, tmp_path, monkeypatch
):
    """Stopped before keras-tuner notes its end, it is run again."""
    keras_tuner = pytest.importorskip("keras_tuner")
    from keras_drmm.tuning import EGHyperModel

    errors = iter([40.0, 30.0, 20.0, 10.0])
    monkeypatch.setattr(
        EGHyperModel, "fit", lambda *_, **options: {"validation_error": next(errors)}
    )
    x, y = images(60)
    options = parsed(tmp_path, "--tuner", kind, "--trials", "3")

    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(keras_tuner.engine.oracle.Oracle, "end_trial", killed)
        with pytest.raises(Killed):
            recipe.search(x, y, options, **SMALL)
    (first,) = rows(options)
    tuner = recipe.search(x, y, options, **SMALL)
    found = rows(options)
    assert found[0] == first
    assert [float(row["validation_error"]) for row in found] == [40, 20, 10]
    assert len({row["settings"] for row in found}) == len(tuner.oracle.trials) == 3
    # The second try was another run of the first trial.
    assert max(trial.score for trial in tuner.oracle.trials.values()) == 30


def test_a_preset_that_is_there_is_seen_before_the_search(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["tune", "--save", str(tmp_path)])
    with pytest.raises(SystemExit, match="is there: give another folder"):
        recipe.main()


def test_a_part_that_fails_ends_the_others(tmp_path, monkeypatch):
    part(tmp_path, "sys.exit(3) if name == 'worker_1' else time.sleep(90)", monkeypatch)
    start = time.monotonic()
    with pytest.raises(SystemExit, match="worker_1 failed; start again to go on"):
        recipe.run_parts(["chief", "worker_0", "worker_1"])
    assert time.monotonic() - start < 60


def test_baselines_are_no_presets(capsys):
    with pytest.raises(SystemExit):
        recipe.parse(["--model", "swwae", "--save", "folder"])
    assert "not the baseline swwae" in capsys.readouterr().err
