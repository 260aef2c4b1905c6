"""What two processes gain, and what they send, is measured."""

import sys

import numpy as np
import pytest

from recipes import scaling as recipe


def test_a_process_is_one_of_two_that_share(monkeypatch, capsys, backend):
    if backend != "torch":
        pytest.skip("of the engines, ddp alone counts what is sent")
    words = ["--engine", "ddp", "--rows", "6", "--steps", "2", "--runs", "1"]
    monkeypatch.setattr(sys, "argv", ["scaling.py", *words, "--short"])
    recipe.main()
    row = eval(capsys.readouterr().out)
    assert row["efficiency"] == pytest.approx(
        row["seconds_alone"] / row["seconds"], abs=1e-3
    )
    assert row["engine"] == "ddp"
    # The gradient of the kernels, 4 bytes each, is among it, and little else.
    kernels = 32 * 25 + 64 * 32 * 9 + 64 * 64 * 9 + 128 * 64 * 9 + 10 * 128
    assert 4 * kernels < row["eg_bytes"] < 8 * kernels
    # EM sends of each level the products of the inputs of a template.
    assert row["em_bytes"] > row["eg_bytes"]


def test_labels_and_rows_of_a_process():
    options = recipe.parse(["--engine", "ddp", "--rows", "5"])
    x, labels, size = recipe.images(options, 3)
    assert (len(x), size) == (30, 10)
    np.testing.assert_array_equal(np.flatnonzero(labels >= 0), np.arange(0, 30, 6))
    options.engine = recipe.ALONE
    x, _, size = recipe.images(options, 3)
    assert (len(x), size) == (15, 5)


def test_an_engine_is_measured_beside_none(capsys):
    with pytest.raises(SystemExit):
        recipe.parse(["--engine", "none"])
    assert "is measured beside another one" in capsys.readouterr().err
