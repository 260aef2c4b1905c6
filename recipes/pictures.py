"""The pictures of README and of the guide on generation, drawn from a preset.

    python -m recipes.pictures --preset drmm_conv_small_mnist_100

Reconstructions, class templates with the switches of other images, and samples, written
to `docs/images`. The images are training images whose labels the preset was not shown
and which validated its run. Half a minute on one core.
"""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

IMAGES = PROJECT / "docs" / "images"
# Validation images that are classified and rendered.
COUNT = 500


def main(arguments=None):
    """Draw a preset's pictures."""
    from recipes.common import presets

    options = presets.parse(__doc__.split("\n")[0], arguments)
    # Keras reads the backend when it is imported.
    os.environ["KERAS_BACKEND"] = options.backend
    import keras

    keras.config.set_dtype_policy("float32")
    card, model = presets.load(options.preset, ("labels", "draw"))
    _, _, dataset = presets.load_training(card, model, options.data_dir)
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


if __name__ == "__main__":
    main()
