"""The guide on the command line tells of every option; its blocks run elsewhere."""

import re
from pathlib import Path

import pytest

from keras_drmm.command_line import main

pytestmark = pytest.mark.once

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "command_line.md"


def test_the_guide_names_every_option(capsys):
    """And no other."""
    text = GUIDE.read_text("utf-8")
    told: set = set()
    for command in ("fit", "predict", "report", "export"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        told |= set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
    assert named <= told
    assert told - named <= {"--help", "--count"}
