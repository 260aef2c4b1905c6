"""The command measures a preset and compares it with its card."""

import json

import numpy as np
import pytest

from keras_drmm import data, zoo
from recipes import evaluate
from tests.zoo.test_presets import METADATA

X = np.random.default_rng(0).integers(0, 256, (200, 16, 16), "uint8")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A model, and a folder of test images with an error on a quarter of them."""
    folder = tmp_path_factory.mktemp("data")
    model = zoo.rmm((16, 16, 1), 3, num_nuisances=2)
    model.fit(data.to_unit_range(X), np.arange(200) % 3, verbose=0)
    y = model.predict(data.to_unit_range(X), verbose=0).argmax(axis=1)
    y[:50] = (y[:50] + 1) % 3
    np.savez(folder / "mnist.npz", x_train=X, y_train=y, x_test=X, y_test=y)
    return model, folder


@pytest.mark.parametrize(
    ("card_error", "status"), [(25.0, 0), (25.02, 0), (24.98, 0), (25.03, 1), (24.9, 1)]
)
def test_status_says_whether_the_card_holds(
    card_error, status, tiny, tmp_path, backend, capsys
):
    model, data_dir = tiny
    metadata = METADATA | {"test_error": card_error}
    folder = zoo.save_to_preset(tmp_path / "tiny", model, metadata)
    arguments = ["--preset", str(folder), "--data-dir", str(data_dir)]
    assert evaluate.main([*arguments, "--backend", backend]) == status
    text = capsys.readouterr().out
    assert f"tiny: test error 25.00 %, on its card {card_error:.2f} %\n" in text
    assert ("differ by more than" in text) == status


@pytest.mark.smoke
def test_an_unknown_preset_ends_with_the_known_ones(backend):
    with pytest.raises(SystemExit, match=r"no preset 'nothing'.*Available presets"):
        evaluate.main(["--preset", "nothing", "--backend", backend])


@pytest.mark.smoke
@pytest.mark.parametrize("field", ["name", "data", "test_error"])
def test_a_card_without_a_field_ends_with_its_name(field, tiny, tmp_path, backend):
    folder = zoo.save_to_preset(tmp_path / "tiny", tiny[0], METADATA)
    path = folder / "metadata.json"
    metadata = json.loads(path.read_text())
    del metadata[field]
    path.write_text(json.dumps(metadata))
    with pytest.raises(SystemExit, match=rf"metadata\.json has no {field}\."):
        evaluate.main(["--preset", str(folder), "--backend", backend])


@pytest.mark.smoke
@pytest.mark.parametrize(
    "kind", [ValueError, ImportError, RuntimeError, FileNotFoundError]
)
def test_data_that_is_not_there_ends_with_what_is_wrong(
    kind, tiny, tmp_path, backend, monkeypatch
):
    def fail(*arguments):
        raise kind("no such data set")

    monkeypatch.setattr(data, "load", fail)
    folder = zoo.save_to_preset(tmp_path / "tiny", tiny[0], METADATA)
    with pytest.raises(SystemExit, match="no such data set"):
        evaluate.main(["--preset", str(folder), "--backend", backend])
