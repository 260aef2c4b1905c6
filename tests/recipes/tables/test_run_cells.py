"""Missing cells are run, each once, and failures are reported."""

import os
import threading
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from recipes.common import results
from recipes.tables import run_cells
from recipes.tables.cells import Cell

CELLS = [Cell(1, "semi-supervised", "rfm", 100, draw) for draw in range(5)]
OPTIONS = SimpleNamespace(
    missing=True, seed=3, dtype="float32", backend="torch", data_dir=None
)


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """The commands of the runs, of which that of draw 4 fails."""
    seen, lock = [], threading.Lock()
    monkeypatch.setattr(run_cells, "all_cells", lambda: CELLS)
    monkeypatch.setattr(run_cells, "recorded", lambda *_: {CELLS[1]})
    monkeypatch.setattr(results, "RUNS", tmp_path)

    def record(command, preexec_fn, **_):
        with lock:
            seen.append(command)
        return SimpleNamespace(
            returncode=int(command[command.index("--draw") + 1] == "4")
        )

    monkeypatch.setattr(run_cells.subprocess, "run", record)
    return seen


@pytest.mark.smoke
def test_missing_cells_are_run_once(runs, capsys):
    with pytest.raises(SystemExit, match=r"1 runs failed.*rfm_100_4"):
        run_cells.run_all(OPTIONS)
    draws = sorted(command[command.index("--draw") + 1] for command in runs)
    assert draws == ["0", "2", "3", "4"]
    for command in runs:
        for name, value in (("--seed", "3"), ("--backend", "torch")):
            assert command[command.index(name) + 1] == value
    assert capsys.readouterr().out.count("done") == 3


@pytest.mark.smoke
def test_runs_read_the_folder_of_data_that_is_given(runs):
    for folder in (None, "data"):
        runs.clear()
        with pytest.raises(SystemExit):
            run_cells.run_all(SimpleNamespace(**{**vars(OPTIONS), "data_dir": folder}))
        for command in runs:
            assert command.count("--data-dir") == (folder is not None)
            assert folder is None or command[-2:] == ["--data-dir", folder]


@pytest.mark.smoke
def test_all_cells_are_run_where_missing_is_not_asked_for(runs):
    with pytest.raises(SystemExit):
        run_cells.run_all(SimpleNamespace(**{**vars(OPTIONS), "missing": False}))
    assert len(runs) == 5


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("dtype", "model", "has_unit", "expected"),
    [
        ("auto", "drmm_conv_small", True, "mixed_bfloat16"),
        ("auto", "ladder", True, "mixed_bfloat16"),
        ("auto", "drmm_lenet", True, "float32"),
        ("auto", "drmm_conv_small", False, "float32"),
        ("mixed_bfloat16", "rfm", False, "mixed_bfloat16"),
        ("float32", "ladder", True, "float32"),
    ],
)
def test_auto_is_half_precision_for_deep_models_where_it_is_faster(
    monkeypatch, dtype, model, has_unit, expected
):
    monkeypatch.setattr(results, "has_bfloat16_unit", lambda: has_unit)
    assert run_cells.fastest(dtype, model) == expected


@pytest.mark.smoke
def test_a_command_has_the_precision_that_was_decided(monkeypatch, runs):
    monkeypatch.setattr(run_cells, "fastest", lambda dtype, model: f"{dtype} {model}")
    with pytest.raises(SystemExit):
        run_cells.run_all(SimpleNamespace(**{**vars(OPTIONS), "dtype": "auto"}))
    for command in runs:
        assert command[command.index("--dtype") + 1] == "auto rfm"


@pytest.mark.smoke
@pytest.mark.usefixtures("runs")
def test_every_core_runs_one_cell_at_a_time(monkeypatch):
    """Four runs on two cores: two at a time, never both on one core."""
    both, local, used = threading.Barrier(2, timeout=60), threading.local(), set()

    def pin(_, cores):
        (local.core,) = cores

    def record(command, preexec_fn, **_):
        preexec_fn()
        assert local.core not in used
        used.add(local.core)
        both.wait()
        assert used == {3, 7}
        both.wait()
        used.discard(local.core)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 7}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", pin, raising=False)
    monkeypatch.setattr(run_cells.subprocess, "run", record)
    run_cells.run_all(OPTIONS)


@pytest.mark.smoke
def test_an_error_of_one_run_does_not_keep_its_core(monkeypatch, runs):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)

    def fail(command, **_):
        runs.append(command)
        raise OSError("no process")

    monkeypatch.setattr(run_cells.subprocess, "run", fail)
    with pytest.raises(OSError, match="no process"):
        run_cells.run_all(OPTIONS)
    assert len(runs) == 4


@pytest.mark.smoke
@pytest.mark.usefixtures("runs")
def test_a_run_has_one_core_and_one_thread(monkeypatch):
    """More threads than cores would wait for each other."""
    pinned, threads = [], []
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5}, raising=False)
    monkeypatch.setattr(
        os, "sched_setaffinity", lambda *v: pinned.append(v), raising=False
    )

    def record(command, preexec_fn, env, **_):
        preexec_fn()
        threads.append(env["OMP_NUM_THREADS"])
        # The other variables are those of this process.
        assert set(os.environ) <= set(env)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(run_cells.subprocess, "run", record)
    run_cells.run_all(OPTIONS)
    assert pinned == [(0, {5})] * 4
    assert threads == ["1"] * 4


@pytest.mark.smoke
def test_a_recorded_cell_is_not_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    cell = Cell(5, "labeled-only", "rfm", 600, 2)
    assert run_cells.recorded(0, "jax") == set()
    row = {
        **asdict(cell),
        "epochs": 416,
        "objective": "some",
        "seed": 0,
        "backend": "jax",
    }
    for changes in (
        {"draw": 2},
        # With an unknown objective, and with fewer epochs.
        {"draw": 1, "objective": ""},
        {"draw": 0, "epochs": 83},
        # With another seed, and with another backend.
        {"draw": 3, "seed": 1},
        {"draw": 4, "backend": "torch"},
    ):
        results.record("tables", row | changes)
    assert run_cells.recorded(0, "jax") == {cell}
    assert run_cells.recorded(1, "jax") == {replace(cell, draw=3)}
