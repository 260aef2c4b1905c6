"""Runs that are killed become the unbroken run, and a run that does not is found."""

import json
import sys

import numpy as np
import pytest

from recipes import kills as recipe


def test_a_killed_run_becomes_the_unbroken_one(backend, monkeypatch, capsys):
    words = ["--backend", backend, "--methods", "RMM", "--kills", "1", "--epochs", "5"]
    monkeypatch.setattr(sys, "argv", ["kills.py", *words])
    recipe.main()
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line.split() for line in lines if line.startswith("RMM")]
    method, kills, runs, left_out, difference = line
    assert (method, kills) == ("RMM", "1")
    assert int(runs) >= 1
    assert int(left_out) <= 1
    assert float(difference) <= 1e-6


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("weight", "epochs", "expected"),
    [
        (1.0, 5, 0),
        (1.5, 5, 0.5),
        (1.0, 4, np.inf),
    ],
)
def test_runs_are_compared(tmp_path, weight, epochs, expected):
    for name, value, count in (("a", weight, epochs), ("b", 1.0, 5)):
        rows = {"epoch": list(range(count)), "loss": [0.0, float("nan")]}
        (tmp_path / name).mkdir()
        weights = np.full(3, value)
        np.savez(tmp_path / name / recipe.RESULT, weights, rows=json.dumps(rows))
    assert recipe.compare(tmp_path / "a", tmp_path / "b") == expected
