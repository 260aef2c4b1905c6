"""Presets: what is saved comes back, and what is damaged does not."""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_drmm import DRFM, RFM, RMM, zoo
from keras_drmm.zoo import preset as preset_module
from keras_drmm.zoo.preset import Preset, sha256
from keras_drmm.zoo.preset_writer import rewrite_card

ROOT = Path(__file__).resolve().parents[2]
FILES = ["README.md", "config.json", "metadata.json", "model.weights.h5"]
METADATA = {
    "data": "mnist",
    "data_licence": "CC BY-SA 3.0",
    "setting": "semi-supervised, second network",
    "objective": "cross_entropy 1, consistency 2",
    "labels": 100,
    "draw": 3,
    "seed": 4,
    "seconds": 1234.4,
    "machine": "a test's, 1 core(s)",
    "backend": "jax",
    "commit": "abcdef0",
    "command": "python -m recipes.mnist_semi_supervised --draw 3",
    "validation_error": 2.5,
    "test_error": 1.21,
    "mean_test_error": 1.309,
    "std_test_error": 0.09,
    "draws": 7,
    "chosen": "the run of least validation error among 7 draws",
}
IMAGES = np.random.default_rng(0).random((6, 16, 16, 1)).astype("float32")
LABELS = np.array([0, 1, 2, -1, 1, -1])


def moved(name, **options):
    """Return a model of the zoo whose weights and states, such as π, are not initial.

    Fitting each of them would take minutes to compile.
    """
    model = getattr(zoo, name)((16, 16, 1), 3, **options)
    rng = np.random.default_rng(1)
    model.set_weights(
        [(w + 1 + rng.random(w.shape)).astype(w.dtype) for w in model.get_weights()]
    )
    return model


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """(model, its preset folder), which tests must not change."""
    model = zoo.rfm((16, 16, 1), 3)
    model.fit(IMAGES, LABELS, verbose=0)
    return model, zoo.save_to_preset(
        tmp_path_factory.mktemp("zoo") / "tiny", model, METADATA
    )


@pytest.fixture
def folder(original, tmp_path):
    """A preset folder that a test may damage."""
    return Path(shutil.copytree(original[1], tmp_path / "tiny"))


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    """An empty folder of shipped presets."""
    path = tmp_path / "shipped"
    path.mkdir()
    monkeypatch.setattr(preset_module, "SHIPPED", path)
    return path


def rewrite(path, **changes):
    """Change values of a JSON file, and in `config.json`'s case its check sum."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(content))
    if path.name == "config.json":
        sums = json.loads((path.parent / "metadata.json").read_text())["sha256"]
        sums |= {path.name: sha256(path.read_bytes())}
        rewrite(path.parent / "metadata.json", sha256=sums)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rmm", {"num_nuisances": 2}),
        ("rfm", {}),
        ("drfm_lenet", {}),
        ("drmm_lenet", {}),
        ("drmm_conv_small", {}),
        ("drmm_conv_large", {}),
        ("evolutionary_tree", {"depth": 2, "branching": 2}),
        ("evolutionary_forest", {"depth": 2, "branching": 2, "num_trees": 2}),
    ],
)
def test_what_is_saved_comes_back(name, options, tmp_path):
    model = moved(name, **options)
    folder = zoo.save_to_preset(tmp_path / "saved", model, METADATA)
    given = getattr(zoo, name)((16, 16, 1), 3, **options, preset=folder)
    for loaded in (zoo.from_preset(str(folder)), given):
        assert type(loaded) is type(model)
        assert loaded.compiled == model.compiled
        for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(theirs, ours)
    assert sorted(path.name for path in folder.iterdir()) == FILES


def test_a_loaded_model_predicts_what_the_saved_one_does(original):
    model, folder = original
    loaded = zoo.from_preset(folder)
    expected = model.predict(IMAGES, verbose=0)
    np.testing.assert_array_equal(loaded.predict(IMAGES, verbose=0), expected)
    np.testing.assert_array_equal(loaded.reconstruct(IMAGES), model.reconstruct(IMAGES))
    initial = zoo.rfm((16, 16, 1), 3)
    assert np.any(initial.predict(IMAGES, verbose=0) != expected)


def test_a_loaded_model_learns_on(original):
    model = zoo.rfm((16, 16, 1), 3, training_steps=10, preset=original[1])
    before = model.predict(IMAGES, verbose=0)
    model.fit(IMAGES, LABELS, verbose=0)
    assert np.any(model.predict(IMAGES, verbose=0) != before)
    assert float(model.optimizer._learning_rate(10)) == 0


def test_backends_load_the_same(backend, original, tmp_path):
    if backend != "tensorflow":
        pytest.skip("compares all three backends, once: in TensorFlow's run")
    model, folder = original
    np.save(tmp_path / "images.npy", IMAGES)
    program = (
        "import sys, numpy as np; from keras_drmm import zoo\n"
        "images = np.load(sys.argv[2])\n"
        "logits = zoo.from_preset(sys.argv[1]).predict(images, verbose=0)\n"
        "np.save(sys.argv[3], logits)"
    )
    for other in ("jax", "torch"):
        if importlib.util.find_spec(other) is None:
            pytest.skip(f"{other} is not installed")
        files = folder, tmp_path / "images.npy", tmp_path / f"{other}.npy"
        subprocess.run(
            [sys.executable, "-c", program, *map(str, files)],
            cwd=ROOT,
            env={**os.environ, "KERAS_BACKEND": other},
            check=True,
        )
        np.testing.assert_allclose(
            np.load(files[-1]), model.predict(IMAGES, verbose=0), atol=1e-4
        )


@pytest.mark.smoke
def test_shipped_presets_are_listed_and_loaded_by_name(shipped, original, monkeypatch):
    assert zoo.presets() == []
    for name in ("b_preset", "a_preset"):
        shutil.copytree(original[1], shipped / name)
    (shipped / "README.md").write_text("not a preset")
    (shipped / "empty").mkdir()
    assert zoo.presets() == ["a_preset", "b_preset"]
    # The working directory does not matter, nor a folder of the same name there.
    monkeypatch.chdir(shipped.parent)
    (shipped.parent / "a_preset").mkdir()
    np.testing.assert_array_equal(
        zoo.from_preset("a_preset").get_weights()[0], original[0].get_weights()[0]
    )


@pytest.mark.smoke
@pytest.mark.parametrize("name", ["nothing", "../tiny", "there/../../tiny", "tin?"])
def test_unknown_names_name_the_known(name, shipped, folder, monkeypatch):
    """`../tiny` would be `folder`, from the shipped ones; names cannot leave them."""
    shutil.copytree(folder, shipped / "there")
    elsewhere = shipped.parent / "some" / "where"
    elsewhere.mkdir(parents=True)
    monkeypatch.chdir(elsewhere)
    assert (shipped / "../tiny").is_dir()
    with pytest.raises(FileNotFoundError, match="Available presets: there") as error:
        zoo.from_preset(name)
    assert repr(name) in str(error.value)


@pytest.mark.smoke
@pytest.mark.parametrize("file", ["config.json", "model.weights.h5"])
def test_a_changed_byte_is_found(file, folder):
    content = bytearray((folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).write_bytes(content)
    for load in (zoo.from_preset, lambda path: zoo.rfm((16, 16, 1), 3, preset=path)):
        with pytest.raises(ValueError, match=rf"{file} is damaged.*SHA-256"):
            load(folder)


@pytest.mark.smoke
@pytest.mark.parametrize("file", ["config.json", "metadata.json", "model.weights.h5"])
def test_a_missing_file_is_named(file, folder):
    (folder / file).unlink()
    with pytest.raises(FileNotFoundError, match=f"has no {file}.*Available presets"):
        zoo.from_preset(folder)


@pytest.mark.smoke
@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"sha256": 1}'])
def test_damaged_metadata_is_refused(content, folder):
    (folder / "metadata.json").write_text(content)
    with pytest.raises(ValueError, match="Copy the folder again"):
        zoo.from_preset(folder)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"function": "save_to_preset"}, "'save_to_preset', which is no function"),
        ({"function": "os.system"}, "must be one of drfm_lenet"),
        ({"function": ["rfm"]}, "no function of the zoo"),
        (
            {"preset": "another"},
            "must give rfm the arguments input_shape",
        ),
        ({"num_classes": 4}, "could not be loaded"),
    ],
)
def test_a_config_calls_only_the_zoo(changes, message, folder):
    rewrite(folder / "config.json", **changes)
    with pytest.raises(ValueError, match=message):
        zoo.from_preset(folder)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("name", "shape", "num_classes"),
    [("rfm", (16, 16, 1), 4), ("rfm", (18, 16, 1), 3), ("drfm_lenet", (16, 16, 1), 3)],
)
def test_weights_of_other_arguments_say_what_fits(name, shape, num_classes, original):
    fits = r"'tiny' fits rfm\(input_shape=\[16, 16, 1\], num_classes=3\), not " + name
    with pytest.raises(ValueError, match=fits):
        getattr(zoo, name)(shape, num_classes, preset=original[1])


@pytest.mark.smoke
def test_the_card_stands_in_metadata_and_readme(original, folder):
    metadata = json.loads((folder / "metadata.json").read_text())
    assert [*metadata] == ["name", *METADATA, "keras", "sha256"]
    assert METADATA.items() <= metadata.items()
    assert (metadata["name"], metadata["keras"]) == ("tiny", keras.__version__)
    text = (folder / "README.md").read_text(encoding="utf-8")
    for field, value in METADATA.items():
        assert f"| {field} | {value} |\n" in text
    assert "Weights of `keras_drmm.zoo.rfm(input_shape=[16, 16, 1], num_" in text


@pytest.mark.smoke
def test_a_preset_needs_no_card(original, tmp_path):
    model, _ = original
    folder = zoo.save_to_preset(tmp_path / "plain", model)
    assert sorted(path.name for path in folder.iterdir()) == FILES
    metadata = json.loads((folder / "metadata.json").read_text())
    assert [*metadata] == ["name", "keras", "sha256"]
    for file, digest in metadata["sha256"].items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "# plain\n" in text
    assert 'from_preset("plain")' in text
    assert "|" not in text
    loaded = zoo.from_preset(folder)
    np.testing.assert_array_equal(
        loaded.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )


def test_a_preset_carries_the_prior_of_switches(tmp_path):
    model = zoo.drmm_lenet((16, 16, 1), 2)
    x = np.random.default_rng(0).random((40, 16, 16, 1), "float32")
    options = {"style_size": 2, "width": 4, "components": 1, "epochs": 1}
    model.fit_prior(x, np.arange(40) % 2, verbose=0, **options)
    folder = zoo.save_to_preset(tmp_path / "prior", model)
    loaded = zoo.from_preset(folder)
    np.testing.assert_allclose(
        loaded.sample(4, seed=0)[0], model.sample(4, seed=0)[0], atol=1e-5
    )
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "# prior\n" in text
    assert "style_size" not in text


@pytest.mark.smoke
def test_numpy_scalars_become_numbers(original, tmp_path):
    card = {
        "error": np.float32(1.5),
        "draws": np.int64(3),
        "is_best": np.bool_(True),
        "errors": [np.float64(0.5), None],
        "odd": "a | b\nc",
    }
    folder = zoo.save_to_preset(tmp_path / "new", original[0], card)
    metadata = Preset(folder).metadata
    expected = {"error": 1.5, "draws": 3, "is_best": True, "errors": [0.5, None]}
    assert expected.items() <= metadata.items()
    assert type(metadata["draws"]) is int
    assert "| odd | a \\| b c |\n" in (folder / "README.md").read_text()


def test_the_name_of_a_preset_of_the_library_is_taken(original, tmp_path, monkeypatch):
    """Loading by the name alone would give that one."""
    with pytest.raises(ValueError, match="'rfm_mnist_100': by this name"):
        zoo.save_to_preset(tmp_path / "rfm_mnist_100", original[0])
    assert list(tmp_path.iterdir()) == []
    zoo.save_to_preset(tmp_path / "own", original[0])
    (tmp_path / "own").rename(tmp_path / "rfm_mnist_100")
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match="is taken. For the folder"):
        shipped = zoo.from_preset("rfm_mnist_100")
    assert shipped.image_shape == (28, 28, 1)
    mine = zoo.from_preset(tmp_path / "rfm_mnist_100")
    assert mine.image_shape == original[0].image_shape


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("card", "message"),
    [
        ([("error", 1)], "must be a dictionary"),
        ({1: "one"}, "with names as keys"),
        ({"error": float("nan")}, "cannot be written as JSON.*not JSON compliant"),
        ({"error": np.float32("inf")}, "cannot be written as JSON"),
        ({"errors": np.zeros(2)}, "cannot be written as JSON.*not a JSON value"),
        ({"path": Path("x")}, "cannot be written as JSON.*not a JSON value"),
        ({"sha256": {}, "name": "other"}, "must not have the entries name, sha256"),
    ],
)
def test_a_card_holds_json_values(card, message, original, tmp_path):
    with pytest.raises(ValueError, match=message):
        zoo.save_to_preset(tmp_path / "new", original[0], card)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.smoke
def test_the_old_name_still_works(original, tmp_path):
    with pytest.warns(DeprecationWarning, match="use `save_to_preset`") as seen:
        folder = zoo.save_preset(tmp_path / "old", original[0], METADATA)
    assert seen[0].filename == __file__
    assert METADATA.items() <= Preset(folder).metadata.items()


@pytest.mark.smoke
def test_without_its_weights_a_preset_is_an_initial_model(original):
    model, folder = original
    keras.utils.set_random_seed(3)
    found = zoo.from_preset(folder, load_weights=False)
    keras.utils.set_random_seed(3)
    expected = zoo.rfm((16, 16, 1), 3)
    assert type(found) is type(model)
    for ours, theirs in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert found.algorithm.get_config() == model.algorithm.get_config()


@pytest.mark.smoke
def test_a_class_loads_its_own_presets_only(original):
    folder = original[1]
    assert type(DRFM.from_preset(folder)) is RFM
    with pytest.raises(ValueError, match=r"is a `RFM`, not a `RMM`.*RFM.from_preset"):
        RMM.from_preset(folder)


@pytest.mark.smoke
def test_a_preset_is_replaced_only_on_demand(original, folder):
    model = original[0]
    (folder / "left_over").touch()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        zoo.save_to_preset(folder, model, METADATA)
    zoo.save_to_preset(folder, model, METADATA | {"draw": 8}, overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert Preset(folder).metadata["draw"] == 8
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


@pytest.mark.smoke
@pytest.mark.parametrize("overwrite", [False, True])
def test_another_folder_is_never_replaced(overwrite, original, tmp_path):
    """The folder of all presets, say."""
    there = tmp_path / "zoo" / "tiny" / "metadata.json"
    there.parent.mkdir(parents=True)
    there.write_text("kept")
    with pytest.raises(FileExistsError, match=r"zoo exists and is no preset.*move"):
        zoo.save_to_preset(there.parents[1], original[0], METADATA, overwrite)
    assert there.read_text() == "kept"


@pytest.mark.smoke
def test_a_folder_of_other_metadata_is_not_replaced(original, tmp_path):
    """Many programs call a file so."""
    there = tmp_path / "tiny" / "metadata.json"
    there.parent.mkdir()
    there.write_text("kept")
    match = r"is no preset: it has no config\.json, model\.weights\.h5"
    with pytest.raises(FileExistsError, match=match):
        zoo.save_to_preset(there.parent, original[0], METADATA, overwrite=True)
    assert there.read_text() == "kept"


@pytest.mark.smoke
def test_a_rewritten_card_does_not_lie_about_the_files(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match="must not have the entries keras"):
        rewrite_card(folder, {"keras": "other"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.smoke
def test_a_card_is_rewritten_without_the_weights(original, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    rewrite_card(folder, {"draws": 9, "chosen": "at random"})
    old, new = json.loads(before["metadata.json"]), Preset(folder).metadata
    own = {name: old[name] for name in ("name", "keras", "sha256")}
    assert new == own | {"draws": 9, "chosen": "at random"}
    for file in ("config.json", "model.weights.h5"):
        assert (folder / file).read_bytes() == before[file]
    # With its old card it is what it was.
    rewrite_card(folder, METADATA)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.smoke
@pytest.mark.parametrize("moment", ["_readme", "_check_copy"])
def test_no_half_written_folder_stays(moment, original, folder, monkeypatch):
    def fail(*arguments):
        raise OSError("the disk is full")

    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(f"keras_drmm.zoo.preset_writer.{moment}", fail)
    for path in (folder, folder.parent / "new"):
        with pytest.raises(OSError, match="disk is full"):
            zoo.save_to_preset(path, original[0], METADATA, overwrite=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


@pytest.mark.smoke
@pytest.mark.parametrize("name", ["a b", ".hidden"])
def test_a_preset_has_a_plain_name(name, original, tmp_path):
    with pytest.raises(ValueError, match="letters, digits"):
        zoo.save_to_preset(tmp_path / name, original[0])
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_not_the_zoo_s_is_not_written(original, tmp_path):
    config = original[0].get_config()
    other = type(original[0]).from_config(config | {"name": "my_own"})
    with pytest.raises(ValueError, match="must come from one of"):
        zoo.save_to_preset(tmp_path / "new", other, METADATA)
    # Of the same weights, but with other normalisation.
    other = type(original[0]).from_config(config)
    other.set_weights(original[0].get_weights())
    other.levels[0].batch_norm.epsilon = 1.0
    with pytest.raises(ValueError, match="not as its function of the zoo"):
        zoo.save_to_preset(tmp_path / "new", other, METADATA)
    assert list(tmp_path.iterdir()) == []


def test_shipped_presets_are_whole():
    """Check sums are right and models load."""
    for name in zoo.presets():
        preset = Preset(name)
        assert preset.metadata["name"] == name
        assert all(np.isfinite(w).all() for w in zoo.from_preset(name).get_weights())
