"""`make demo` prints the errors of the models that it saves."""

import re
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_drmm import data, zoo
from keras_drmm.callbacks import Resume
from recipes import mnist_semi_supervised as recipe
from recipes import pictures
from recipes.common import measure
from recipes.tables import training

SMALLER = {"drmm_conv_small": "drmm_lenet", "convnet": "convnet_2"}


@pytest.fixture
def folder(tmp_path, monkeypatch, backend):
    """A folder with small data, which the command line names."""
    random = np.random.default_rng(0)
    x, y = random.integers(0, 256, (240, 28, 28), "uint8"), np.arange(240) % 10
    # The mean grey value tells the class, so that it is learned at once.
    x //= (1 + y)[:, None, None].astype("uint8")
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x[:40], y_test=y[:40])
    arguments = ["--data-dir", str(tmp_path), "--output", str(tmp_path / "run")]
    arguments += ["--short", "--backend", backend]
    monkeypatch.setattr(sys, "argv", ["mnist_semi_supervised.py", *arguments])
    monkeypatch.setattr(measure, "VALIDATION_IMAGES", 100)
    # Models of 2 levels instead of 5 compile faster.
    make_model = training.make_model
    monkeypatch.setattr(
        training,
        "make_model",
        lambda cell, *v: make_model(replace(cell, model=SMALLER[cell.model]), *v),
    )
    return tmp_path


def test_it_prints_the_errors_of_what_it_saves(folder, monkeypatch, capsys):
    train, asked = training.train, []

    def once(model, dataset, epochs, *arguments, **options):
        """Train for one epoch, however many are asked for."""
        asked.append((model.name, epochs, int((dataset.shown_labels >= 0).sum())))
        return train(model, dataset, 1, *arguments, **options)

    monkeypatch.setattr(training, "train", once)
    plotted, priors = [], []
    monkeypatch.setattr(pictures, "plot", lambda *found: plotted.append(found))
    # After one epoch some classes have no image, and so no prior.
    monkeypatch.setattr(recipe, "learn_prior", lambda *found: priors.append(found))
    recipe.main()
    (ours, *of_ours), (_, *of_convnet) = asked
    assert ours == "drmm_lenet"
    # Both learn from 100 labels, the convnet for more epochs.
    assert (of_ours, of_convnet) == ([2, 100], [150, 100])
    run = folder / "run"
    ((model, dataset, where),) = plotted
    assert (model.name, len(dataset.validation[0]), where) == (ours, 100, run)
    ((same, images, folder_of_prior),) = priors
    assert (same, folder_of_prior) == (model, run)
    assert images.shape == (240, 28, 28, 1)
    assert images.dtype == "float32"
    assert 0 <= images.min() < images.max() <= 1

    printed = capsys.readouterr().out
    # What it is, a line for each model, the table and the pictures, and no more.
    assert len(printed.splitlines()) < 15
    assert re.search(r"^DRMM of 5 levels learns: \d+ s, 2 epochs$", printed, re.M)
    errors = re.findall(r"^ *([\d.]+) % +\d+ s  (\w+): ", printed, re.M)
    assert [error[1] for error in errors] == ["DRMM", "convnet"]
    model = keras.saving.load_model(run / "model.keras")
    _, (x, y) = data.load("mnist", folder)
    classes = model.predict(data.to_unit_range(x), verbose=0).argmax(1)
    assert float(errors[0][0]) == pytest.approx(100 * np.mean(classes != y), abs=0.01)

    # Started again, it prints the same without training.
    recipe.main()
    assert len(asked) == 2
    again = capsys.readouterr().out
    assert errors == re.findall(r"^ *([\d.]+) % +\d+ s  (\w+): ", again, re.M)


def test_its_prior_is_that_of_the_images_and_says_how_long_it_took(
    tmp_path, monkeypatch, capsys
):
    prior = {"epochs": 2, "width": 4, "style_size": 3, "components": 1}
    monkeypatch.setattr(recipe, "PRIOR", prior)
    (x, _), _ = data.load("mnist")
    images = data.to_unit_range(x[:150])
    ours, twin = (zoo.drmm_lenet(preset="drmm_lenet_mnist_100") for _ in range(2))
    keras.utils.set_random_seed(0)
    recipe.learn_prior(ours, images, tmp_path)
    keras.utils.set_random_seed(0)
    # It shuffles by a seed of its own, in the same order each time.
    resume = Resume(tmp_path / "twin")
    twin.fit_prior(images, verbose=0, callbacks=[resume], **prior)
    weights = zip(*(v.switch_prior.get_weights() for v in (ours, twin)), strict=True)
    for found, expected in weights:
        np.testing.assert_allclose(found, expected, atol=1e-6)
    *_, line = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Its switches learn to go together: \d+ s, 150 images", line)
