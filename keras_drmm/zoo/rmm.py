"""The paper's shallow model."""

from keras_drmm.em import SoftEM
from keras_drmm.models.rmm import RMM
from keras_drmm.zoo.preset import load_preset


def rmm(input_shape=(28, 28, 1), num_classes=10, num_nuisances=20, preset=None):
    """Return the Rendering Mixture Model of section 3.1, compiled for soft EM.

    The model (1) with a template for each class and nuisance and no switch: a whole
    image is never OFF. An epoch of `fit` is a sweep of EM, and batches only bound the
    memory.

    Args:
        input_shape: (H, W, C) of an image.
        num_classes: number of classes.
        num_nuisances: templates of a class.
        preset: name or path of a preset whose weights it gets, see `from_preset`; None
            for initial weights.

    Returns:
        A compiled `RMM`, ready for `fit` with labels, some labels (-1 for none) or
        without any.

    Raises:
        FileNotFoundError: there is no such preset, or one of its files is missing.
        ValueError: the preset is damaged, or of another function or other arguments.

    Example:

    >>> (x_train, y_train), _ = keras_drmm.data.load("mnist")
    >>> images = keras_drmm.data.to_unit_range(x_train)
    >>> model = keras_drmm.zoo.rmm()
    >>> model.fit(images, y_train, batch_size=1000, epochs=20)

    Source: Patel, Nguyen, Baraniuk (2016), equations (1)-(4), (12).
    """
    model = RMM(input_shape, num_classes, num_nuisances, switch=False, name="rmm")
    load_preset(model, preset)
    # Closed forms need no optimizer; plain SGD has no state to keep.
    model.compile("sgd", algorithm=SoftEM())
    return model
