"""Exit statuses, and one line for an error."""

import os
import re
import subprocess
import sys

import pytest

from keras_drmm.command_line import main, predict

FIT = ["fit", "photos", "--output", "model", "--epochs"]


@pytest.mark.once
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "arguments are required: COMMAND"),
        (["learn"], "invalid choice: 'learn'"),
        (FIT[:2], "arguments are required: --output"),
        ([*FIT, "0"], "argument --epochs: `epochs` must be an integer of at least 1"),
        ([*FIT, "a"], "argument --epochs: `epochs` .*, got 'a'"),
        ([*FIT, "1", "--image-size", "28"], "--image-size: expected 2 arguments"),
        ([*FIT, "1", "--validation", "half"], "--validation: invalid number value"),
        ([*FIT, "1", "--color-mode", "cmyk"], "--color-mode: invalid choice: 'cmyk'"),
        # No option that is not there, nor a part of one, is passed over.
        ([*FIT, "1", "--valid", "3"], "unrecognized arguments: --valid 3"),
        (["export", "m", "--output", "a", "--format", "pdf"], "invalid choice: 'pdf'"),
    ],
)
def test_words_that_are_no_command(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as found:
        main(words)
    assert found.value.code == 2
    _, error = capsys.readouterr()
    assert error.startswith("usage: python -m keras_drmm")
    # argparse breaks lines where the terminal ends.
    assert re.search(message, " ".join(error.split()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.once
@pytest.mark.parametrize("command", ["fit", "predict", "report", "export"])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as found:
        main([command, "--help"])
    assert found.value.code == 0
    text, _ = capsys.readouterr()
    assert f"usage: python -m keras_drmm {command}" in text
    assert "--output" in text


@pytest.mark.once
@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (ValueError("two\n  lines"), 1, "predict: error: two lines\n"),
        (KeyError("a"), 1, "predict: error: KeyError: 'a'\n"),
        (MemoryError(), 1, "predict: error: MemoryError: \n"),
        (KeyboardInterrupt(), 130, "predict: interrupted\n"),
    ],
)
def test_errors_are_one_line(error, status, told, monkeypatch, capsys):
    def fail(options):
        raise error

    monkeypatch.setattr(predict, "run", fail)
    assert main(["predict", "m", "photos", "--output", "a.csv"]) == status
    assert capsys.readouterr().err == f"python -m keras_drmm {told}"


@pytest.mark.once
def test_a_program_ends_with_the_status(tmp_path):
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "keras_drmm",
            "predict",
            "none",
            "photos",
            "--output",
            "a",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1
    last = process.stderr.splitlines()[-1]
    assert last.startswith("python -m keras_drmm predict: error: There is no preset")
    assert "Traceback" not in process.stderr
    assert process.stdout == ""
