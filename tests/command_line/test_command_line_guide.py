"""The guide's blocks run as they stand, but for one epoch of some of the images."""

import csv
import re
import shlex
from pathlib import Path

import pytest

import keras_drmm
from keras_drmm.command_line import main

pytestmark = pytest.mark.once

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "command_line.md"


def answers(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_commands_of_the_guide_run(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    # Enough for all classes, and some of those to test with.
    kept = {f"{row:04}.png" for row in (*range(200), *range(1500, 1540))}
    blocks = re.findall(r"```(\w+)\n(.*?)```", GUIDE.read_text("utf-8"), re.S)
    install, *blocks = [v for v in blocks if v[0] in ("python", "sh")]
    assert "pip install" in install[1]
    names: dict = {}
    for kind, text in blocks:
        if kind == "python":
            exec(text, names)
            for path in tmp_path.glob("*digits/*/*.png"):
                if path.name not in kept:
                    path.unlink()
            continue
        command = shlex.split(text)
        assert command[:3] == ["python", "-m", "keras_drmm"]
        words = ["1" if word == "20" else word for word in command[3:]]
        assert main(words) == 0, words
    assert len(answers("answers.csv")) == 40
    assert "40</span>" in Path("trust.html").read_text("utf-8")
    assert onnxruntime.InferenceSession("digits.onnx").get_outputs()
    # A model that learned MNIST: the folder is the class.
    found = answers("mnist.csv")
    right = [row["class"] == row["file"].split("/")[0] for row in found]
    assert len(found) == 100
    assert sum(right) > 95
    assert keras_drmm.zoo.from_preset("digits_model").class_names == tuple("0123456789")


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
