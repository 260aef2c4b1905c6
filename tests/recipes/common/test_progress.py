"""What a demonstration prints while it starts and trains."""

import os
import sys

import pytest

from recipes.common.progress import ProgressLine, quiet_start

pytestmark = pytest.mark.smoke


def test_a_terminal_sees_one_line_that_grows(monkeypatch, capsys):
    seconds = iter([0.0, 1.0, 1.5, 3.0])
    monkeypatch.setattr("recipes.common.progress.time.monotonic", lambda: next(seconds))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    line = ProgressLine("it learns", epochs=2, steps=4)
    line.step(0, 0)
    line.step(0, 2)  # Half a second later: not told.
    line.step(1, 1)
    line.end("done")
    printed = capsys.readouterr().out
    assert (
        printed == "\rit learns:  12%, 1 s \rit learns:  75%, 3 s \rit learns: done\n"
    )


def test_a_file_has_the_last_line_alone(capsys):
    line = ProgressLine("it learns", epochs=1, steps=2)
    line.step(0, 1)
    line.end("done")
    assert capsys.readouterr().out == "it learns: done\n"


def test_noise_is_kept_back_unless_an_error_follows(capfd):
    with quiet_start():
        os.write(2, b"noise\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError):
        fail_with_noise()
    assert capfd.readouterr().err == "the cause\n"


def fail_with_noise():
    with quiet_start():
        os.write(2, b"the cause\n")
        raise ImportError
