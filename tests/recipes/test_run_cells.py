"""Missing cells are run, each once, and a failure is told."""

import os
import threading
from types import SimpleNamespace

import pytest

from recipes.common.precision import fastest
from recipes.tables import run_cells
from recipes.tables.cells import Cell

CELLS = [Cell(1, "semi-supervised", "rfm", 100, draw) for draw in range(5)]
OPTIONS = SimpleNamespace(
    missing=True, seed=3, dtype="float32", backend="torch", data_dir=None
)


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Return the commands and cores of the runs; draw 4 fails."""
    seen, lock = [], threading.Lock()
    monkeypatch.setattr(run_cells, "all_cells", lambda: CELLS)
    monkeypatch.setattr(run_cells, "recorded", lambda *_: {CELLS[1]})
    monkeypatch.setattr(run_cells, "TABLE", tmp_path / "recipes" / "table.py")

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
    ("flags", "model", "expected"),
    [
        ("avx512f amx_bf16", "drmm_conv_small", "mixed_bfloat16"),
        ("avx512f amx_bf16", "ladder", "mixed_bfloat16"),
        ("avx512f amx_bf16", "drmm_lenet", "float32"),
        ("avx512f avx512_bf16", "drmm_conv_small", "float32"),
        ("AuthenticAMD avx512_bf16", "drmm_conv_small", "mixed_bfloat16"),
        ("AuthenticAMD avx512f", "drmm_conv_small", "float32"),
    ],
)
def test_half_precision_where_the_processor_has_a_unit_for_it(
    tmp_path, flags, model, expected
):
    info = tmp_path / "cpuinfo"
    info.write_text(f"model name: some\nvendor and flags: {flags}\n")
    assert fastest("auto", model, info) == expected
    assert fastest("auto", model, tmp_path / "none") == "float32"
    assert fastest("mixed_bfloat16", model, info) == "mixed_bfloat16"


@pytest.mark.smoke
def test_a_run_is_told_the_precision_that_was_decided(monkeypatch, runs):
    monkeypatch.setattr(run_cells, "fastest", lambda dtype, model: f"{dtype} {model}")
    with pytest.raises(SystemExit):
        run_cells.run_all(SimpleNamespace(**{**vars(OPTIONS), "dtype": "auto"}))
    for command in runs:
        assert command[command.index("--dtype") + 1] == "auto rfm"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="of Linux")
def test_there_is_a_worker_for_each_core(monkeypatch, runs):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    started = []
    start = threading.Thread.start
    monkeypatch.setattr(
        threading.Thread, "start", lambda self: (started.append(self), start(self))
    )
    with pytest.raises(SystemExit):
        run_cells.run_all(OPTIONS)
    assert len(started) == 3


@pytest.mark.smoke
@pytest.mark.usefixtures("runs")
def test_a_run_has_one_core_and_one_thread(monkeypatch):
    """More would wait for each other."""
    pinned, threads = [], []
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5}, raising=False)
    monkeypatch.setattr(
        os, "sched_setaffinity", lambda *v: pinned.append(v), raising=False
    )

    def record(command, preexec_fn, env, **_):
        preexec_fn()
        threads.append(env["OMP_NUM_THREADS"])
        # The rest is that of this process.
        assert set(os.environ) <= set(env)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(run_cells.subprocess, "run", record)
    run_cells.run_all(OPTIONS)
    assert pinned == [(0, {5})] * 4
    assert threads == ["1"] * 4
