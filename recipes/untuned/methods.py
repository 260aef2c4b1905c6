"""The methods that learn from few labels, each with its default settings."""

# Of the training images, for networks that see them all; one number for all data sets.
EPOCHS = 10
# The convnet has learned its few images by heart long before it has seen so many.
CONVNET_IMAGES, CONVNET_BATCH = 25_000, 50


def drmm(dataset, epochs=None, seed=0):
    """Learn by `zoo.for_images` and `fit`.

    Args:
        dataset: of `keras_drmm.data.semi_supervised`.
        epochs: of the training images; None is `EPOCHS`.
        seed: not used, as networks draw from Keras' own generators.

    Returns:
        A function of images (N, H, W, 1) from 0 to 1 that returns their classes (N,),
        and the number of epochs, "" if there are none. The other methods take and
        return the same.
    """
    epochs = epochs or EPOCHS
    return _classifier(learned_drmm(dataset, epochs)), epochs


def convnet(dataset, epochs=None, seed=0):
    """Learn the labelled images alone, of which it sees `CONVNET_IMAGES`."""
    from keras_drmm import baselines

    labelled = dataset.labelled_only(CONVNET_BATCH)
    epochs = epochs or CONVNET_IMAGES // (len(labelled) * CONVNET_BATCH)
    model = baselines.convnet(_for_images(dataset), epochs * len(labelled))
    return _classifier(_fit(model, labelled, epochs)), epochs


def pseudo_label(dataset, epochs=None, seed=0):
    """Learn by pseudo-label, whose ramp ends when that of our terms does."""
    from keras_drmm.learning.eg import WARMUP_STEPS
    from keras_drmm.learning.warmup import DIVISOR
    from recipes.tables.training import BASELINE_SETTINGS, make_baseline

    epochs = epochs or EPOCHS
    steps = epochs * len(dataset)
    settings = dict(BASELINE_SETTINGS["pseudo_label"])
    settings["t2"] = max(2, min(WARMUP_STEPS, steps // DIVISOR))
    settings["t1"] = settings["t2"] // 10
    model = make_baseline("pseudo_label", _for_images(dataset), steps, **settings)
    return _classifier(_fit(model, dataset, epochs)), epochs


def label_spreading(dataset, epochs=None, seed=0):
    """Spread the labels over the graph of the 7 nearest images."""
    from sklearn.semi_supervised import LabelSpreading

    return _fit_pixels(LabelSpreading(kernel="knn"), dataset)


def self_training(dataset, epochs=None, seed=0):
    """Train a support vector machine, and again with the labels it is sure of.

    Its kernel is scikit-learn's default, RBF with `gamma="scale"`; its probabilities
    are cross-validated, as `SVC(probability=True)` had them.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.semi_supervised import SelfTrainingClassifier
    from sklearn.svm import SVC

    machine = CalibratedClassifierCV(SVC(random_state=seed), ensemble=False)
    return _fit_pixels(SelfTrainingClassifier(machine), dataset)


METHODS = {
    method.__name__: method
    for method in (drmm, convnet, pseudo_label, label_spreading, self_training)
}


def learned_drmm(dataset, epochs):
    """Return the zoo's model for the images of a data set, learned by default."""
    return _fit(_for_images(dataset), dataset, epochs)


def _for_images(dataset):
    from keras_drmm import zoo

    return zoo.for_images(dataset[0][0].shape[1:], dataset.num_classes)


def _fit(model, dataset, epochs):
    """Return a network after its training."""
    import keras

    is_tensorflow = keras.backend.backend() == "tensorflow"
    batches = dataset.as_tf_dataset() if is_tensorflow else dataset
    # The data set shuffles itself.
    model.fit(batches, epochs=epochs, shuffle=False, verbose=2)
    return model


def _classifier(model):
    return lambda images: model.predict(images, 500, verbose=0).argmax(axis=1)


def _fit_pixels(model, dataset):
    """Fit a model of scikit-learn and return what classifies, and no epochs."""
    from keras_drmm import data

    images = data.to_unit_range(dataset.x)
    model.fit(images.reshape(len(images), -1), dataset.shown_labels)
    return lambda images: model.predict(images.reshape(len(images), -1)), ""
