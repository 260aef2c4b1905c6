"""Every block of Python in README and on the pages of the site runs, in order.

As it stands, but for what `CHANGES` says, on the first images of MNIST; the commands
of the guide on the command line run between the blocks. What a page promises is
checked after its last block. (The guide on scikit-learn has examples with their
results instead, see tests/wrappers.)
"""

import csv
import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.models import load_model

import keras_drmm
from keras_drmm.command_line import main
from keras_drmm.data import to_unit_range
from recipes.run_page import BLOCK

pytestmark = [pytest.mark.once, pytest.mark.always]

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"))
    if "```python\n" in path.read_text("utf-8")
)
TRAINING, TEST = 200, 100
# What takes too long as it stands, or needs more images: text on the page, its
# replacement. Each must be there.
CHANGES: dict[str, dict[str, str]] = {
    "docs/guides/another_task.md": {
        "(3000": "(600",
        "(1000": "(300",
        "epochs=3": "epochs=2",
    },
    "docs/guides/command_line.md": {
        "images.reshape": "images[:300].reshape",
        "1500": "250",
        "--epochs 20": "--epochs 1",
    },
    "docs/guides/em.md": {"[:1000]": "[:100]"},
    "docs/guides/few_labels.md": {"epochs=50": "epochs=5"},
    "docs/guides/generation.md": {
        "55000": "150",
        "epochs=5": "epochs=1, components=1",
        "sample(100": "sample(20",
    },
    "docs/guides/own_images.md": {
        "range(600)": "range(60)",
        "number >= 500": "number >= 50",
        "epochs=20": "epochs=1",
        "(224, 224)": "(24, 24)",
        # After one epoch it guesses one class alone.
        "model.predict(images)": "9.0 * np.eye(2)[np.arange(len(images)) % 2]",
    },
    "docs/guides/tables.md": {
        "epochs=8": "epochs=1",
        "epochs=5": "epochs=1",
        "epochs=3": "epochs=1",
    },
    "docs/guides/trust.md": {"validation=200": "validation=50", "folds=5": "folds=2"},
    "docs/guides/tuning.md": {"=5000": "=50", "max_trials=20": "max_trials=2"},
}


@pytest.mark.parametrize("page", PAGES)
def test_its_code_runs(page, tmp_path, monkeypatch, capsys):
    (x, y), (x_test, y_test) = keras_drmm.data.load("mnist")
    few = (x[:TRAINING], y[:TRAINING]), (x_test[:TEST], y_test[:TEST])
    monkeypatch.setattr(keras_drmm.data, "load", lambda name: few)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    text = (ROOT / page).read_text("utf-8")
    for old, new in CHANGES.get(page, {}).items():
        assert old in text
        text = text.replace(old, new)
    names: dict = {}
    for kind, block in BLOCK.findall(text):
        if kind == "python":
            exec(compile(block, page, "exec"), names)
        elif block.startswith("python -m keras_drmm"):
            assert main(shlex.split(block)[3:]) == 0, block
        elif page == "docs/guides/command_line.md":
            assert "pip install" in block
    if page in CHECKS:
        CHECKS[page](names, capsys.readouterr().out)


def error(model, images, labels):
    return np.mean(model.predict(images, verbose=0).argmax(axis=1) != labels)


def check_readme(names, _):
    e_step = names["e_step"]
    classes = np.argmax(keras.ops.convert_to_numpy(e_step.logits), axis=-1)
    np.testing.assert_array_equal(classes, names["y_test"][:10])
    assert e_step.reconstruction.shape == (10, 28, 28, 1)
    steps = 5 * len(names["dataset"])
    assert int(names["model"].optimizer.iterations) == steps > 0


def check_model(names, told):
    assert np.abs(names["again"] - names["e_step"].reconstruction).max() < 1e-5
    assert "level 2: (4, 4, 50)" in told


def check_two_views(names, _):
    logits = (names[k].predict(names["images"]) for k in ("convnet", "model"))
    np.testing.assert_allclose(*logits, atol=1e-3)
    assert names["pictures"].shape == (10, 28, 28, 1)


def check_few_labels(names, told):
    assert told.startswith(f"100 labels, {TRAINING} images\n")
    wrong = [float(v) for v in re.findall(r": ([\d.]+) % wrong", told)]
    again = 100 * error(names["model"], names["images"], names["y_test"])
    assert wrong[0] == pytest.approx(again, abs=0.006)
    assert len(wrong) == 2
    assert Path("reconstructions.png").exists()


def check_what_it_stores(names, told):
    """The template and the pixels make up what a logit changes by."""
    model, shown, weights = (names[k] for k in ("model", "shown", "weights"))
    # A little more or less ink leaves the switches as they are.
    step = 1e-3 * shown
    moved = (model.classify(shown + s * step) for s in (1, -1))
    up, down = (keras.ops.convert_to_numpy(v) for v in moved)
    found = ((up - down) / 2 * weights).sum(axis=1)
    expected = (names["templates"] * step).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found, expected, rtol=0.05)
    assert re.search(r"^class \d\nlevel 1: \d+% of the switches are on$", told, re.M)
    for name in ("filters", "reconstructions", "evidence", "activity"):
        assert Path(f"{name}.png").stat().st_size > 5000


def check_generation(names, _):
    assert names["images"].shape == (20, 28, 28, 1)
    # Few validation images are below their first percentile.
    assert -1 in names["classes"] or names["scores"].min() > names["threshold"]
    assert names["u"].shape == (5, 96)


def check_em(names, told):
    assert float(re.search(r"^error ([\d.]+)", told, re.M)[1]) < 0.6
    assert names["digits"].shape == (20, 28, 28, 1)
    assert "-ln p of an image: [" in told
    losses = names["history"].history["loss"]
    assert losses[-1] <= losses[0]


def check_presets(names, _):
    saved = names["model"].predict(to_unit_range(names["x_test"][:5]))
    loaded = keras_drmm.zoo.from_preset("presets/my_digits")
    np.testing.assert_allclose(
        loaded.predict(to_unit_range(names["x_test"][:5])), saved, atol=1e-4
    )


def check_another_task(names, _):
    """The preset is worth something, and what is frozen stays as it is."""
    assert names["x_train"].shape == (600, 28, 28, 1)
    # Every font is one of letters, and every letter is drawn.
    assert len(names["FONTS"]) == 12
    assert names["x_train"].max(axis=(1, 2, 3)).min() > 100
    images, labels = to_unit_range(names["x_test"]), names["y_test"]
    learned, fresh = (error(names[k], images, labels) for k in ("model", "fresh"))
    assert learned < fresh - 0.03
    preset = keras_drmm.zoo.from_preset(names["name"])
    kernels = [model.levels[0].conv.kernel for model in (names["frozen"], preset)]
    np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, kernels))


def check_own_images(names, told):
    answers = re.findall(r"^(\d+_\w+\.png) (\w+)$", told, re.M)
    assert [int(file[:3]) for file, _ in answers] == list(range(50, 60))
    saved = load_model("photos.keras")
    assert saved.class_names == ("disc", "square")
    images = to_unit_range(names["new"].images)
    assert [v for _, v in answers] == list(saved.predict_names(images))
    assert "marginal_kl" not in names["model"].algorithm.weights
    assert names["shares"]["shares"].sum() == pytest.approx(1)
    assert names["second"].optimizer.iterations > 0
    assert names["foreign"]["weight"].shape == (50,)
    # Of the last blocks: labels by a table, then by subfolders again.
    assert names["found"].images.shape == (50, 24, 24, 3)
    assert isinstance(names["found"].images, np.memmap)
    found = keras_drmm.data.load_folder("photos", labels="labels.csv")
    assert np.bincount(found.labels + 1).tolist() == [48, 1, 1]


def check_command_line(names, _):
    def answers(path):
        with Path(path).open(newline="") as file:
            return list(csv.DictReader(file))

    new = len(list(Path("new_digits").rglob("*.png")))
    assert len(answers("answers.csv")) == new > 0
    assert f"{new}</span>" in Path("trust.html").read_text("utf-8")
    onnxruntime = pytest.importorskip("onnxruntime")
    assert onnxruntime.InferenceSession("digits.onnx").get_outputs()
    # A model that learned MNIST: the folder is the class.
    found = answers("mnist.csv")
    right = [row["class"] == row["file"].split("/")[0] for row in found]
    assert len(found) == 100
    assert sum(right) > 95
    assert keras_drmm.zoo.from_preset("digits_model").class_names == tuple("0123456789")


def check_trust(names, _):
    assert "<html" in Path("trust.html").read_text("utf-8")
    assert len(np.unique(names["rows"])) == 50
    assert set(names["found"]["label"]) <= set(range(10))


def check_tuning(names, _):
    assert "entropy" in names["best"].values
    assert names["model"].optimizer.iterations > 0


def check_export(names, _):
    onnxruntime = pytest.importorskip("onnxruntime")
    x = np.random.default_rng(0).random((1, 28, 28, 1)).astype("float32")
    for path, outputs in {"logits.onnx": 1, "drmm.onnx": 2}.items():
        session = onnxruntime.InferenceSession(path)
        found = session.run(None, {session.get_inputs()[0].name: x})
        assert len(found) == outputs
        expected = names["model"].predict(x, verbose=0)
        assert any(
            v.shape == expected.shape and np.allclose(v, expected, atol=1e-4)
            for v in found
        )


CHECKS = {
    "docs/guides/export.md": check_export,
    "README.md": check_readme,
    "docs/model.md": check_model,
    "docs/two_views.md": check_two_views,
    "docs/guides/few_labels.md": check_few_labels,
    "docs/guides/what_it_stores.md": check_what_it_stores,
    "docs/guides/generation.md": check_generation,
    "docs/guides/em.md": check_em,
    "docs/guides/presets.md": check_presets,
    "docs/guides/another_task.md": check_another_task,
    "docs/guides/own_images.md": check_own_images,
    "docs/guides/command_line.md": check_command_line,
    "docs/guides/trust.md": check_trust,
    "docs/guides/tuning.md": check_tuning,
}
