"""A picture of classes that are rendered with the nuisances of other images."""

from keras_drmm.analysis.grid import check_has, save_class_grid


def plot_nuisance_transfer(model, images, labels, path):
    """Plot every class, rendered with the nuisances of one image of each class.

    A row shows an image, followed by every class c rendered with the image's switches
    ĝ: z^(0) = Λ_ĝ μ_c. If the model separates class from nuisance, each column shows
    one class in the poses of all images. If the switches carry the shape, each row
    shows a single class.

    Args:
        model: a channels_last `DRMM` of grey or RGB images.
        images: (N, H, W, C), floats in the model's pixel range.
        labels: integers (N,), with each class at least once.
        path: path of the PNG file.

    Raises:
        ImportError: matplotlib is missing: `pip install keras-drmm[plots]`.
        TypeError: the model does not render.
        ValueError: images or labels are not what the model takes, or a class has no
            image.

    Example:

    >>> (x, y), _ = keras_drmm.data.load("mnist")
    >>> images, labels = keras_drmm.data.to_unit_range(x[:50]), y[:50]
    >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
    >>> keras_drmm.analysis.plot_nuisance_transfer(model, images, labels, "grid.png")
    """
    check_has(model, render="a rendering model")

    def render(shown, classes):
        for switches in zip(*model.infer(shown).switches, strict=True):
            same = [s[None].repeat(len(classes), axis=0) for s in switches]
            yield model.render(classes, same)

    save_class_grid(model, images, labels, path, "switches of", render)
