"""Plot the pictures of README and of the guide on generation from a preset.

    python -m recipes.pictures --preset drmm_conv_small_mnist_100

Writes reconstructions, class templates with the switches of other images, templates of
every level as pixels, what each level keeps of images, samples and, of a preset with a
prior of switches, classes in the styles of images and between two styles to
`docs/images`.
The images shown are training images whose labels the preset did not see and which
validated its run. It takes half a minute on one core.
"""

from recipes.common.results import IMAGES
from recipes.tables import presets

# The number of validation images that are classified and rendered.
COUNT = 500


def main(arguments=None):
    """Plot a preset's pictures."""
    options = parse(arguments)
    card, model = presets.load(options, ("labels", "draw"))
    _, _, dataset = presets.load_training(card, model, options.data_dir)
    plot(model, dataset, IMAGES)


def parse(arguments=None):
    """Read the command line."""
    return presets.parse(__doc__, arguments)


def plot(model, dataset, folder):
    """Write the pictures to a folder.

    Args:
        model: a trained `DRMM`.
        dataset: the data set that it learned from, with validation images.
        folder: the `Path` of the folder.
    """
    from keras_drmm import analysis

    images, labels = (v[:COUNT] for v in dataset.validation)
    analysis.plot_reconstructions(model, images, labels, folder / "reconstructions.png")
    analysis.plot_nuisance_transfer(model, images, labels, folder / "transfer.png")
    analysis.plot_rendered_filters(model, folder / "rendered_filters.png", images, 10)
    levels = folder / "level_reconstructions.png"
    analysis.plot_level_reconstructions(model, images, labels, levels)
    analysis.plot_samples(model, folder / "samples.png", columns=5)
    if model.switch_prior is not None:
        analysis.plot_style_transfer(model, images, labels, folder / "styles.png")
        between = folder / "styles_between.png"
        analysis.plot_style_interpolation(model, images, labels, between)


if __name__ == "__main__":
    main()
