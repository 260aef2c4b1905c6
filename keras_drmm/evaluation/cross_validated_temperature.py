"""cross_validated_temperature: a temperature from the labelled training rows alone."""

import numpy as np

from keras_drmm.data import semi_supervised, to_unit_range
from keras_drmm.evaluation.checks import check_no_probabilities, standardize_logits
from keras_drmm.evaluation.temperature_scaling import TemperatureScaling
from keras_drmm.layers.arguments import (
    as_array,
    check_labels,
    standardize_integer,
)


def cross_validated_temperature(
    build, images, labels, *, folds=5, epochs=1, batch_size=100, seed=0
):
    """Learn a temperature for logits without validation rows.

    A network is much too sure of the rows that it learned. Here, each labelled row gets
    its logits from a network that saw its image, but not its label: the labelled rows
    are divided into folds, and for each fold a new network is trained on all images
    with the labels of the other folds. One temperature is then fitted to the logits of
    all folds together, as `TemperatureScaling` does. This takes `folds` times as long
    as a training.

    These networks learn from fewer labels than the final one, (folds - 1) / folds of
    them. They err a little more often, so the temperature is slightly too large.

    Args:
        build: a function without arguments that returns a new compiled model of
            logits. A stock Keras model needs a loss that leaves out unlabelled rows:
            `keras.losses.SparseCategoricalCrossentropy(from_logits=True,
            ignore_class=-1)`.
        images: (N, H, W) or (N, H, W, C), as `data.semi_supervised` takes them.
        labels: integers (N,), with -1 for unlabelled rows.
        folds: number of folds, at least 2 and at most the number of labelled rows of
            any class.
        epochs: number of epochs of each training: as many as the final model gets.
        batch_size: number of rows in a batch.
        seed: of the folds and of the batches, 0 or larger.

    Returns:
        T, a float; give it to `report(temperature=...)`, or divide logits by it.

    Raises:
        ValueError: an argument is not as described, or `build` returned the same model
            twice, or one of probabilities.

    Warns:
        UserWarning: all held-out rows are classified right, see `TemperatureScaling`.

    Example:

    >>> def build():
    ...     return keras_drmm.zoo.rfm((8, 8, 1), num_classes=2)
    >>> images = np.random.default_rng(0).random((40, 8, 8), dtype="float32")
    >>> labels = np.where(np.arange(40) < 12, np.arange(40) % 2, -1)
    >>> bool(cross_validated_temperature(build, images, labels, folds=2) > 0)
    True
    """
    if not callable(build):
        raise ValueError(
            "`build` must be a function without arguments that returns a compiled "
            f"model, got {build!r}."
        )
    images, labels = as_array(images, "images"), as_array(labels, "labels")
    check_labels(labels, len(images))
    # Unsigned ones could not be hidden.
    labels = labels.reshape(-1).astype("int64")
    folds = standardize_integer(folds, "folds", minimum=2)
    epochs = standardize_integer(epochs, "epochs")
    seed = standardize_integer(seed, "seed", minimum=0)
    labelled = np.flatnonzero(labels >= 0)
    classes, sizes = np.unique(labels[labelled], return_counts=True)
    if len(classes) < 2 or sizes.min() < folds:
        found = dict(zip(classes.tolist(), sizes.tolist(), strict=True))
        raise ValueError(
            f"`labels` must have at least two classes, each with at least `folds` = "
            f"{folds} labelled rows, got {{class: rows}} = {found}. Label more rows or "
            "use fewer folds."
        )
    logits, last = [], None
    # Imported where it is needed: `import keras_drmm` would wait for it.
    from sklearn.model_selection import StratifiedKFold

    splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(
        labelled, labels[labelled]
    )
    order = []
    for _, fold in splits:
        held_out = labelled[fold]
        shown = labels.copy()
        shown[held_out] = -1
        model = build()
        if model is last:
            raise ValueError(
                "`build` must return a new model each time, got the same one twice: it "
                "has already learned the labels that are held out."
            )
        last = model
        dataset = semi_supervised(images, shown, None, batch_size=batch_size, seed=seed)
        model.fit(dataset, epochs=epochs, shuffle=False, verbose=0)
        predicted = model.predict(to_unit_range(images[held_out]), verbose=0)
        logits.append(standardize_logits(predicted, "build().predict(images)"))
        check_no_probabilities(logits[-1], "build()")
        order.append(held_out)
    scaling = TemperatureScaling()
    scaling.fit(np.concatenate(logits), labels[np.concatenate(order)])
    return scaling.temperature
