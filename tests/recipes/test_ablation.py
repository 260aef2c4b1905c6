"""The ablation: its command line, its variants, and the row of a run."""

import csv

import keras
import numpy as np
import pytest

from keras_drmm import data, zoo
from recipes import ablation
from recipes.common import results
from tests.recipes.tiny_mnist import tiny_mnist


@pytest.mark.smoke
@pytest.mark.parametrize(
    "arguments",
    [
        "--validation 0",
        "--validation -5",
        "--validation 59900",
        "--short --labels 2000",
    ],
)
def test_there_must_be_images_to_validate_and_to_learn_from(arguments, capsys):
    with pytest.raises(SystemExit):
        ablation.parse(arguments.split())
    assert "--validation must be" in capsys.readouterr().err


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("option", "value"),
    [("--model", "rmm"), ("--dtype", "auto"), ("--backend", "numpy")],
)
def test_unknown_choices_are_refused(capsys, option, value):
    with pytest.raises(SystemExit):
        ablation.parse([option, value])
    assert f"argument {option}: invalid choice: '{value}'" in capsys.readouterr().err


@pytest.mark.smoke
def test_an_unknown_variant_is_refused(monkeypatch, backend):
    arguments = ["ablation.py", "--variant", "nothing", "--backend", backend]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit, match="no variant 'nothing': see --list"):
        ablation.main()


@pytest.mark.smoke
def test_every_variant_says_what_it_is():
    assert all(v.meaning.endswith(".") for v in ablation.VARIANTS.values())


@pytest.mark.smoke
def test_every_recorded_variant_has_one_meaning():
    """And the meaning in the code, if the code still has the variant."""
    meanings = {}
    with (results.RESULTS / "ablation.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            meanings.setdefault(row["variant"], set()).add(row["meaning"])
    assert {name for name in meanings if name.startswith("zoo, ")} <= {
        *ablation.VARIANTS
    }
    for name, found in meanings.items():
        (meaning,) = found
        assert meaning.endswith(".")
        if name in ablation.VARIANTS:
            assert meaning == ablation.VARIANTS[name].meaning


@pytest.mark.smoke
def test_variants_differ_from_the_zoo_by_what_they_name():
    own = vars(zoo.drmm_lenet((16, 16, 1)).algorithm)
    for variant in ablation.VARIANTS.values():
        model = zoo.drmm_lenet((16, 16, 1))
        optimizer = model.optimizer
        variant.compile(model)
        found = vars(model.algorithm)
        changes = {k: v for k, v in variant.changes.items() if k != "augmentation"}
        assert found == {**own, "augmentation": found["augmentation"], **changes}
        assert model.optimizer is optimizer
    # No two are the same.
    changes = {str(v.changes) for v in ablation.VARIANTS.values()}
    assert len(changes) == len(ablation.VARIANTS) > 1


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("name", "kinds", "deviation"),
    [
        ("zoo, as it is", ["GaussianNoise"], 0.4),
        ("zoo, half the noise", ["GaussianNoise"], 0.2),
        ("zoo, twice the noise", ["GaussianNoise"], 0.8),
        ("zoo, pose and cover", ["Pose", "RandomErasing", "GaussianNoise"], 0.4),
    ],
)
def test_variants_make_their_augmentation_by_the_seed_of_the_run(
    name, kinds, deviation
):
    images, seen = np.full((2, 16, 16, 1), 0.5, "float32"), []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        model = zoo.drmm_lenet((16, 16, 1))
        ablation.VARIANTS[name].compile(model)
        augmentation = model.algorithm.augmentation
        parts = getattr(augmentation, "layers", [augmentation])
        assert [type(part).__name__ for part in parts] == kinds
        assert parts[-1].stddev == pytest.approx(deviation)
        seen.append(keras.ops.convert_to_numpy(augmentation(images, training=True)))
    np.testing.assert_array_equal(*seen)


def test_a_run_records_its_row_and_never_uses_test_images(
    monkeypatch, tmp_path, backend
):
    monkeypatch.setattr(data, "load", lambda *_: tiny_mnist())
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(results, "command", lambda: "command")
    arguments = ["ablation.py", "--model", "rfm", "--epochs", "1", "--backend", backend]
    arguments += ["--variant", "zoo, no entropy", "--validation", "200"]
    monkeypatch.setattr("sys.argv", arguments)
    ablation.main()
    with (tmp_path / "ablation.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["variant"], row["validation_images"]) == ("zoo, no entropy", "200")
    assert row["meaning"] == ablation.VARIANTS["zoo, no entropy"].meaning
    assert 0 <= float(row["validation_error"]) <= 100
    # Half a percent is one image of 200.
    assert float(row["validation_error"]) % 0.5 == 0
    with (results.PROJECT / "recipes" / "results" / "ablation.csv").open() as file:
        assert list(row) == next(csv.reader(file))
