"""`table.py`'s options as a command line gives them."""

import sys

import keras
import pytest

from recipes.tables import options as table_options


def options(monkeypatch, *arguments):
    arguments += ("--backend", keras.backend.backend())
    monkeypatch.setattr(sys, "argv", ["table.py", *arguments])
    return table_options.parse("")


def refusal(monkeypatch, capsys, *arguments):
    """Return what is said of a command line that is not run."""
    with pytest.raises(SystemExit):
        options(monkeypatch, *arguments)
    return capsys.readouterr().err
