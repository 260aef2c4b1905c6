"""The pictures of README and of the guide on generation, drawn from a preset.

    python recipes/pictures.py --preset drmm_conv_small_mnist_100

Reconstructions, class templates with the switches of other images, and samples, written
to `docs/images`. The images are training images whose labels the preset was not shown
and which validated its run. Half a minute on one core.
"""

import argparse
import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

IMAGES = PROJECT / "docs" / "images"
# Validation images that are classified and rendered.
COUNT = 500


def main(arguments=None):
    """Draw a preset's pictures."""
    options = parse(arguments)
    # Keras reads the backend when it is imported.
    os.environ["KERAS_BACKEND"] = options.backend
    import keras

    from recipes import training
    from recipes.cells import SEMI_SUPERVISED, Cell
    from recipes.presets import load, load_data

    keras.config.set_dtype_policy("float32")
    card, model = load(options.preset, ("labels", "draw"))
    (x, y), _ = load_data(card, options.data_dir)
    cell = Cell(1, SEMI_SUPERVISED, model.name, card["labels"], card["draw"])
    dataset = training.make_dataset(cell, x, y)
    if dataset.validation is None:
        sys.exit(
            f"{card['name']} learned all {card['labels']} labels: no image validated "
            "it. Choose a preset of fewer labels."
        )
    draw(model, dataset, IMAGES)


def draw(model, dataset, folder):
    """Write reconstructions.png, transfer.png and samples.png.

    Args:
        model: a trained `DRMM`.
        dataset: what it learned from, with validation images.
        folder: where to.
    """
    from keras_drmm import analysis

    images, labels = (v[:COUNT] for v in dataset.validation)
    analysis.plot_reconstructions(model, images, labels, folder / "reconstructions.png")
    analysis.plot_nuisance_transfer(model, images, labels, folder / "transfer.png")
    analysis.plot_samples(model, folder / "samples.png", columns=5)


def parse(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--preset", required=True, help="name, or path of a folder")
    parser.add_argument("--data-dir", help="folder of data sets, see keras_drmm.data")
    parser.add_argument(
        "--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
