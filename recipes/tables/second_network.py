"""The data set of a second network: labels by a first one and its neighbours' vote."""

import time
from dataclasses import replace

import numpy as np

from recipes.tables import training
from recipes.tables.cells import SEMI_SUPERVISED


def make_dataset(cell, x, first, folder, options):
    """Train a first network as `semi-supervised` and let it label all images.

    Args:
        cell: of the setting `semi-supervised, second network`.
        x: training images, uint8.
        first: the data set that the first network learns from.
        folder: of the run. Labels and seconds are kept there, in case it is stopped.
        options: of the command line.

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
    # Training the first network consumed random numbers; a run that goes on after it
    # does not.
    keras.utils.set_random_seed(options.seed + 1)
    second = data.semi_supervised(x, np.load(labels), None, seed=cell.draw)
    return second, float(timed.read_text())
