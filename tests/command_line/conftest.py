"""A folder of images, and the model that `fit` made of it, for all tests."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from keras_drmm.command_line import main

# Of the fit that is stopped and goes on, too.
FIT = ("--epochs", "2", "--validation", "12", "--batch-size", "20", "--seed", "3")
CLASSES = ("nought", "one", "two")


def write_digits(folder, numbers, labelled):
    """Write some of the first digits 0, 1 and 2 of scikit-learn as PNG files.

    Args:
        folder: `Path`.
        numbers: which of these digits.
        labelled: how many of them, the first ones, go into their class' subfolder.

    Returns:
        (images (n, 8, 8, 1) of uint8, classes (n,)), in the order of `numbers`.
    """
    images, digits = load_digits(n_class=3, return_X_y=True)
    images = np.uint8(images[numbers] * 15).reshape(-1, 8, 8, 1)
    digits = digits[numbers]
    for k, (number, image, digit) in enumerate(
        zip(numbers, images, digits, strict=True)
    ):
        name = CLASSES[digit] if k < labelled else "unlabelled"
        path = folder / name / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(path)
    return images, digits


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of 100 images, 48 of them labelled, and two files that are none."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("command_line") / "photos"
    write_digits(folder, range(100), 48)
    (folder / "notes.txt").write_text("no image")
    (folder / "unlabelled" / "broken.png").write_bytes(b"\x89PNG")
    return folder


@pytest.fixture(scope="session")
def fitted(photos):
    """The folder of a model that `fit` wrote."""
    folder = photos.with_name("model")
    assert main(["fit", str(photos), "--output", str(folder), *FIT]) == 0
    return folder


@pytest.fixture
def call(capsys):
    """Return what runs a command: (its exit status, what it wrote, its error)."""

    def run(*words):
        capsys.readouterr()
        status = main([str(word) for word in words])
        return status, *capsys.readouterr()

    return run
