"""The paper's shallow model."""

from keras_drmm.em import SoftEM
from keras_drmm.models.rmm import RMM
from keras_drmm.zoo.preset import load_preset
from keras_drmm.zoo.zoo_model import zoo_model


@zoo_model
def rmm(input_shape=(28, 28, 1), num_classes=10, num_nuisances=20, preset=None):
    """Return the Rendering Mixture Model of section 3.1, compiled for soft EM.

    It is the model (1) with a template for each class and nuisance and without the
    switch, since a whole image is never OFF. An epoch of `fit` is one sweep of EM; the
    size of the batches only bounds the memory.

    Args:
        num_nuisances: number of templates of a class.

    Returns:
        A compiled `RMM`, ready for `fit` with labels, with some labels (-1 marks an
        unlabelled row) or without any.

    Example:

    >>> (x_train, y_train), _ = keras_drmm.data.load("mnist")
    >>> images = keras_drmm.data.to_unit_range(x_train[:1000])
    >>> model = keras_drmm.zoo.rmm(num_nuisances=2)
    >>> history = model.fit(images, y_train[:1000], batch_size=500, verbose=0)

    Source: Patel, Nguyen, Baraniuk (2016), equations (1)-(4), (12).
    """
    model = RMM(input_shape, num_classes, num_nuisances, switch=False, name="rmm")
    load_preset(model, preset)
    # Closed forms need no optimizer; plain SGD has no state to keep.
    model.compile("sgd", algorithm=SoftEM())
    return model
