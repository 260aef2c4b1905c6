"""The second network of a cell: what a first one knows, and its neighbours' labels."""

import time
from dataclasses import replace

import numpy as np

from recipes.tables import training
from recipes.tables.cells import SEMI_SUPERVISED


def make_dataset(cell, x, first, folder, options):
    """Train a first network as `semi-supervised` and label all images by it.

    Args:
        cell: of the setting `semi-supervised, second network`.
        x: training images, uint8.
        first: the data set that the first network learns from.
        folder: of the run; labels and seconds stay there for a run that is stopped.
        options: the command line.

    Returns:
        (the batches of the second network, seconds).
    """
    import keras

    from keras_drmm import data
    from keras_drmm.learning import neighbour_labels

    labels, timed = folder / "labels.npy", folder / "first_seconds.txt"
    if not timed.exists():
        cell = replace(cell, setting=SEMI_SUPERVISED)
        epochs = 1 if options.short else training.default_epochs(cell)
        model = training.make_model(cell, epochs * len(first), first[0][0].shape[1:])
        seconds = training.train(
            model, first, epochs, folder / "first", options.backend
        )
        start = time.perf_counter()
        images = data.to_unit_range(x)
        np.save(labels, neighbour_labels(model, images, first.shown_labels))
        seconds += time.perf_counter() - start
        timed.write_text(str(seconds))
    # The first network drew random numbers, and not in a run that was stopped after it.
    keras.utils.set_random_seed(options.seed + 1)
    second = data.semi_supervised(x, np.load(labels), None, seed=cell.draw)
    return second, float(timed.read_text())
