"""`make demo` prints the errors of the models that it saves."""

import re
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_drmm import data
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
    plotted = []
    monkeypatch.setattr(pictures, "plot", lambda *found: plotted.append(found))
    recipe.main()
    (ours, *of_ours), (_, *of_convnet) = asked
    assert ours == "drmm_lenet"
    # Both learn from 100 labels, the convnet for more epochs.
    assert (of_ours, of_convnet) == ([2, 100], [150, 100])
    run = folder / "run"
    ((model, dataset, where),) = plotted
    assert (model.name, len(dataset.validation[0]), where) == (ours, 100, run)

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
