"""What `fit` says of a folder before it learns: colours and epochs."""

import numpy as np
import pytest
from PIL import Image

from keras_drmm import data, zoo
from keras_drmm.command_line import fit
from tests.command_line.conftest import write_digits

pytestmark = pytest.mark.once


@pytest.fixture
def tell(tmp_path, monkeypatch, call):
    """Return what runs a fit up to its first step: what it said until then."""

    class Reached(ValueError):
        pass

    def stop(options, found):
        raise Reached(f"{options.epochs} epochs")

    monkeypatch.setattr(fit, "settings_of", stop)
    folder = tmp_path / "photos"
    write_digits(folder, range(60), 30)

    def run(*words):
        status, told, error = call("fit", folder, "--output", tmp_path / "m", *words)
        assert status == 1
        return told, error

    run.folder = folder
    return run


def colour(folder, number):
    """Give some of the images a colour."""
    for path in sorted(folder.rglob("*.png"))[:number]:
        pixels = np.asarray(Image.open(path).convert("L"))
        Image.fromarray(np.stack([pixels, pixels, pixels // 2], axis=-1)).save(path)


def test_few_images_with_a_colour_are_told(tell):
    assert "have a colour" not in tell()[0]
    colour(tell.folder, 4)
    told, _ = tell()
    assert "60 images of 8x8x3" in told
    assert "Only 4 of 60 images have a colour" in told
    assert "--color-mode grayscale" in told
    assert "have a colour" not in tell("--color-mode", "rgb")[0]
    assert "60 images of 8x8x1" in tell("--color-mode", "grayscale")[0]
    colour(tell.folder, 40)
    assert "have a colour" not in tell()[0]


def test_epochs_are_chosen_or_measured_by_the_steps_that_they_are(tell):
    found = data.load_folder(tell.folder, verbose=0)
    dataset = data.semi_supervised(found.images, found.labels, None, batch_size=20)
    enough = zoo.epochs_for(dataset)
    told, error = tell("--batch-size", "20")
    assert f"{enough} epochs of {len(dataset)} training steps\n" in told
    # The record of the fit has them.
    assert error.endswith(f"error: {enough} epochs\n")
    told, error = tell("--batch-size", "20", "--epochs", "5")
    assert f"5 epochs of {len(dataset)} training steps; so few images may " in told
    assert f"need {enough} epochs" in told
    assert error.endswith("error: 5 epochs\n")
    assert "may need" not in tell("--batch-size", "20", "--epochs", str(enough))[0]
