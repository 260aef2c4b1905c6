"""What a process asked for is counted, and what it mapped from a file is not."""

import sys

import numpy as np
import pytest

from recipes import peak_memory as recipe

pytestmark = pytest.mark.skipif(
    not recipe.STATUS.exists(), reason="Linux alone tells anonymous memory"
)


def test_anonymous_memory_is_counted_alone(tmp_path):
    x, _ = recipe.make_array(tmp_path, 50_000, "float32")
    size = x.nbytes / 2**20
    assert size == pytest.approx(150, abs=1)
    before = recipe.anonymous()
    with recipe.Peak() as mapped:
        assert x.mean() == pytest.approx(0.5, abs=0.01)
    with recipe.Peak() as copied:
        np.array(x).sum()
    assert mapped.mib - before < 0.1 * size
    assert copied.mib - before == pytest.approx(size, rel=0.1)


def test_a_row_has_both_peaks(monkeypatch, capsys, backend):
    words = ["--backend", backend, "--ways", "folder", "--images", "500"]
    monkeypatch.setattr(sys, "argv", ["peak_memory.py", *words])
    monkeypatch.setattr(recipe, "TIMES", 1)
    peaks = iter([100.0, 104.0])
    asked = []
    monkeypatch.setattr(recipe, "peak", lambda *a: asked.append(a) or next(peaks))
    recipe.main()
    assert asked == [("folder", 500, backend)] * 2
    row = eval(capsys.readouterr().out)
    assert row["images"] == 50
    assert (row["peak_mib"], row["peak_mib_many"], row["ratio"]) == (100, 104, 1.04)


@pytest.mark.parametrize("way", ["float32 file", "uint8 file", "folder"])
def test_each_way_learns(way):
    assert 50 < recipe.measure(way, 2000) < 8000
