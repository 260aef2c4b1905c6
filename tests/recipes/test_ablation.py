"""The search's command line and its variants."""

import sys

import keras
import numpy as np
import pytest

from keras_drmm import zoo
from recipes import ablation
from recipes.tables import variants


@pytest.mark.smoke
@pytest.mark.parametrize("validation", ["0", "-5", "59900"])
def test_the_search_needs_images_to_validate_and_to_learn(
    monkeypatch, capsys, validation
):
    monkeypatch.setattr(sys, "argv", ["ablation.py", "--validation", validation])
    with pytest.raises(SystemExit):
        ablation.parse()
    assert "--validation must be" in capsys.readouterr().err


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("option", "value"),
    [("--model", "rmm"), ("--dtype", "auto"), ("--backend", "numpy")],
)
def test_the_search_names_what_it_can_take(monkeypatch, capsys, option, value):
    monkeypatch.setattr(sys, "argv", ["ablation.py", option, value])
    with pytest.raises(SystemExit):
        ablation.parse()
    assert f"argument {option}: invalid choice: '{value}'" in capsys.readouterr().err


@pytest.mark.smoke
def test_the_search_knows_its_variants(monkeypatch):
    backend = keras.backend.backend()
    arguments = ["ablation.py", "--variant", "nothing", "--backend", backend]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit, match="no variant 'nothing': see --list"):
        ablation.main()


@pytest.mark.smoke
def test_every_variant_says_what_it_is():
    assert all(v.meaning.endswith(".") for v in variants.VARIANTS.values())


@pytest.mark.smoke
def test_variants_of_the_zoo_differ_by_what_they_name():
    chosen = {k: v for k, v in variants.VARIANTS.items() if k.startswith("zoo, ")}
    own = vars(zoo.drmm_lenet((16, 16, 1)).algorithm)
    for variant in chosen.values():
        model = zoo.drmm_lenet((16, 16, 1))
        optimizer = model.optimizer
        variant.compile(model, steps=10)
        found = vars(model.algorithm)
        changes = {k: v for k, v in variant.changes.items() if k != "nuisance"}
        assert found == {**own, "nuisance": found["nuisance"], **changes}
        assert model.optimizer is optimizer
    # Each is another.
    assert len({str(v.changes) for v in chosen.values()}) == len(chosen) > 1


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("name", "kinds", "deviation"),
    [
        ("zoo, as it is", ["GaussianNoise"], 0.4),
        ("zoo, half the noise", ["GaussianNoise"], 0.2),
        ("zoo, twice the noise", ["GaussianNoise"], 0.8),
        ("zoo, pose and cover", ["Pose", "RandomErasing", "GaussianNoise"], 0.4),
        ("noise", ["GaussianNoise"], 0.3),
        ("pose", ["Pose"], None),
    ],
)
def test_variants_make_their_nuisance_by_the_seed_of_the_run(name, kinds, deviation):
    images, seen = np.full((2, 16, 16, 1), 0.5, "float32"), []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        model = zoo.drmm_lenet((16, 16, 1))
        variants.VARIANTS[name].compile(model, steps=10)
        nuisance = model.algorithm.nuisance
        parts = getattr(nuisance, "layers", [nuisance])
        assert [type(part).__name__ for part in parts] == kinds
        if deviation is not None:
            assert parts[-1].stddev == pytest.approx(deviation)
        seen.append(keras.ops.convert_to_numpy(nuisance(images, training=True)))
    np.testing.assert_array_equal(*seen)
