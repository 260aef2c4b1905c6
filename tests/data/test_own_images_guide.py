import re
from pathlib import Path

import numpy as np
import pytest
from keras.models import load_model
from PIL import Image

from keras_drmm.data import to_unit_range

pytestmark = pytest.mark.once

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "own_images.md"


def guess_each_class(images):
    """Return logits, sure of one class after the other."""
    return 9 * np.eye(3, dtype="float32")[np.arange(len(images)) % 3]


def test_the_code_of_the_guide_runs(tmp_path, monkeypatch, capsys):
    """As it stands, but for one epoch on small images."""
    monkeypatch.chdir(tmp_path)
    for name in ("cat", "dog", "unlabelled", "2024"):
        for number in range(1, 4):
            path = tmp_path / "photos" / name / f"000{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 30), (80 * number, 9, 9)).save(path)
    (tmp_path / "new_photos").symlink_to("photos/cat")
    blocks = re.findall(r"```(\w+)\n(.*?)```", GUIDE.read_text("utf-8"), re.S)
    code = [text for kind, text in blocks if kind == "python"]
    (table,) = [text for kind, text in blocks if text.startswith("file,label")]
    (tmp_path / "labels.csv").write_text(table)
    train, name, without_pull, shares, second, foreign, from_table, cached = code
    names: dict = {}
    exec(train.replace("epochs=20", "epochs=1"), names)
    assert names["found"].class_names == ("2024", "cat", "dog")
    assert names["model"].optimizer.iterations == len(names["dataset"])
    exec(name, names)
    told = re.findall(r"^(000\d\.png) (\w+)$", capsys.readouterr().out, re.M)
    assert [file for file, _ in told] == ["0001.png", "0002.png", "0003.png"]
    images = to_unit_range(names["new"].images)
    classes = names["model"].infer(images).classes
    assert [v for _, v in told] == [names["found"].class_names[k] for k in classes]
    assert load_model("photos.keras").class_names == names["found"].class_names
    exec(without_pull, names)
    assert "marginal_kl" not in names["model"].algorithm.weights
    # The first one has learned too little to guess each class.
    names["model"].predict = guess_each_class
    exec(shares, names)
    assert names["shares"]["shares"].sum() == pytest.approx(1)
    exec(second.replace("epochs=20", "epochs=1"), names)
    assert names["second"].optimizer.iterations == len(names["dataset"])
    # Copies of three colours, in each subfolder.
    exec(foreign, names)
    assert names["foreign"]["count"] == 0
    assert names["dataset"].sample_weight.shape == (12,)
    exec(from_table, names)
    assert names["found"].class_names == ("cat", "dog")
    assert np.bincount(names["found"].labels + 1).tolist() == [10, 1, 1]
    exec(cached.replace("224", "24"), names)
    assert names["found"].images.shape == (12, 24, 24, 3)
    assert isinstance(names["found"].images, np.memmap)
