"""The pictures of README show the preset and images that validated it."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from keras_drmm import analysis, data, zoo
from recipes import pictures
from recipes.common import measure
from tests.zoo.test_presets import METADATA

X = np.random.default_rng(0).integers(0, 256, (300, 16, 16), "uint8")
Y = np.arange(300) % 3


@pytest.fixture
def arguments(tmp_path, monkeypatch, backend):
    """The command line of a preset that learned 30 of 300 labels."""
    np.savez(tmp_path / "mnist.npz", x_train=X, y_train=Y, x_test=X, y_test=Y)
    monkeypatch.setattr(pictures, "IMAGES", tmp_path)
    monkeypatch.setattr(measure, "VALIDATION_IMAGES", 60)
    model = zoo.drmm_lenet((16, 16, 1), 3)
    card = METADATA | {"labels": 30, "draw": 1}
    folder = zoo.save_to_preset(tmp_path / "tiny", model, card)
    command = ["--preset", str(folder), "--data-dir", str(tmp_path)]
    return [*command, "--backend", backend]


def test_images_are_those_that_validated(arguments, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    plotted, plot = [], analysis.plot_reconstructions

    def record(model, images, labels, path):
        plotted.append((model, images, labels))
        plot(model, images, labels, path)

    monkeypatch.setattr(analysis, "plot_reconstructions", record)
    pictures.main(arguments)
    for name in ("reconstructions", "transfer", "level_reconstructions", "samples"):
        assert (tmp_path / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    ((model, images, labels),) = plotted
    dataset = data.semi_supervised(
        X, Y, 30, validation=60, validation_images_unlabelled=True, seed=1
    )
    expected = dataset.validation_indices
    np.testing.assert_array_equal(images, data.to_unit_range(X[expected]))
    np.testing.assert_array_equal(labels, Y[expected])
    preset = zoo.from_preset(tmp_path / "tiny")
    for mine, theirs in zip(model.get_weights(), preset.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("prior", [None, "a prior"])
def test_styles_are_shown_if_there_are_any(prior, monkeypatch, tmp_path):
    written = []
    for name in analysis.__all__:
        if name.startswith("plot_"):

            def write(*given, **_):
                written.extend(v.name for v in given if isinstance(v, Path))

            monkeypatch.setattr(analysis, name, write)
    model = SimpleNamespace(switch_prior=prior)
    pictures.plot(model, SimpleNamespace(validation=(X, Y)), tmp_path)
    styles = {"styles.png", "styles_between.png"}
    assert styles & set(written) == (styles if prior else set())
    assert len(set(written)) == len(written) == (7 if prior else 5)


def test_a_preset_of_all_labels_has_no_images_to_show(arguments, tmp_path):
    card = json.loads((tmp_path / "tiny" / "metadata.json").read_text())
    (tmp_path / "tiny" / "metadata.json").write_text(json.dumps(card | {"labels": 300}))
    with pytest.raises(SystemExit, match="learned 300 labels of 300 images: none was"):
        pictures.main(arguments)
    assert not (tmp_path / "reconstructions.png").exists()
