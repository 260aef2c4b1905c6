"""What `fit`, `evaluate` and `predict` are given, in the forms that Keras has."""

import keras
import numpy as np

from keras_drmm.layers.arguments import (
    as_array,
    describe,
    is_integer,
    standardize_boolean,
    standardize_integer,
    standardize_number,
)
from keras_drmm.models.checks import (
    check_is_array,
    is_array,
    is_list_of_batches,
    to_numpy,
)
from keras_drmm.models.class_weights import apply_class_weight


def standardize_fit(model, **given):
    """Return the arguments of `fit` as `keras.Model.fit` is given them.

    Args:
        model: the `Learner`.
        **given: all arguments of its `fit`.

    Raises:
        ValueError: the model is not compiled, or an argument is out of range.
    """
    check_compiled(model, "fit")
    check_callbacks(given["callbacks"])
    x, y, sample_weight = standardize_rows(
        model, given["x"], given["y"], given["sample_weight"], learning=True
    )
    x, class_weight = apply_class_weight(x, given["class_weight"], model.num_classes)
    validation_split = standardize_split(given["validation_split"])
    validation_data = standardize_validation(given["validation_data"], model)
    batch_size = standardize_batch_size(given["batch_size"])
    epochs = standardize_integer(given["epochs"], "epochs")
    shuffle = standardize_boolean(given["shuffle"], "shuffle")
    steps = ("steps_per_epoch", "validation_steps", "validation_batch_size")
    check_loop(
        given["verbose"],
        given["initial_epoch"],
        **{name: given[name] for name in steps},
    )
    return {
        **given,
        "x": x,
        "y": y,
        "sample_weight": sample_weight,
        "class_weight": class_weight,
        "validation_split": validation_split,
        "validation_data": validation_data,
        "batch_size": batch_size,
        "epochs": epochs,
        "shuffle": shuffle,
        "validation_freq": standardize_frequency(given["validation_freq"]),
    }


def standardize_rows(model, x, y, sample_weight, learning=False):
    """Return images or a data set, labels and weights as a model takes them.

    Args:
        model: the `Learner`.
        x: images or a data set.
        y: labels, or None.
        sample_weight: a number of at least 0 for each row, or None.
        learning: whether the model learns from them.
    """
    x, y = model.check_data(x, y, learning)
    return x, y, standardize_weights(sample_weight, count_rows(x))


def standardize_batch(model, x, y=None, sample_weight=None, learning=False):
    """Return a single batch as `standardize_rows` does; a data set is refused."""
    check_is_array(x)
    return standardize_rows(model, x, y, sample_weight, learning)


def check_compiled(model, method):
    """Raise unless a model is compiled, which `method` needs."""
    if not model.compiled:
        # Baselines have an objective of their own.
        algorithm = ", algorithm=keras_drmm.EG()" if hasattr(model, "algorithm") else ""
        raise ValueError(
            f"`{method}` needs a compiled model, and `{model.name}` is not: call "
            f"`compile` first, for example `model.compile('adam'{algorithm})`."
        )


def check_callbacks(callbacks):
    """Raise unless `callbacks` are Keras callbacks, one, several or none."""
    for callback in keras.tree.flatten(callbacks):
        if callback is not None and not isinstance(callback, keras.callbacks.Callback):
            raise ValueError(
                "`callbacks` must be a list of `keras.callbacks.Callback`s, got "
                f"{callback!r}. Make one of a function by "
                "`keras.callbacks.LambdaCallback`."
            )


def check_loop(verbose, initial_epoch=0, **steps):
    """Raise unless arguments of Keras' loops are such as Keras takes.

    Args:
        verbose: "auto", 0, 1 or 2.
        initial_epoch: an integer of at least 0.
        **steps: integers of at least 1, or None.
    """
    if not (isinstance(verbose, bool) or verbose in ("auto", 0, 1, 2)):
        raise ValueError(f"`verbose` must be 'auto', 0, 1 or 2, got {verbose!r}.")
    standardize_integer(initial_epoch, "initial_epoch", minimum=0)
    for name, value in steps.items():
        if value is not None:
            standardize_integer(value, name)


def standardize_batch_size(value, name="batch_size"):
    """Return a batch size as an int of at least 1, or None."""
    return None if value is None else standardize_integer(value, name)


def standardize_split(validation_split):
    """Return `validation_split` of `fit` as a float, from 0 to below 1."""
    split = standardize_number(validation_split, "validation_split", least=0)
    if split >= 1:
        raise ValueError(
            "`validation_split` is the part of the rows that is kept for validation, "
            f"from 0 to below 1, got {validation_split!r}."
        )
    return split


def standardize_frequency(validation_freq):
    """Return `validation_freq` of `fit` as an int or a list of epochs, from 1."""
    is_list = isinstance(validation_freq, list | tuple)
    epochs = validation_freq if is_list else [validation_freq]
    if not epochs or not all(is_integer(epoch) and epoch > 0 for epoch in epochs):
        raise ValueError(
            "`validation_freq` must be an integer of at least 1 (each so many epochs) "
            "or a list of them (the epochs after which to validate, from 1), got "
            f"{validation_freq!r}."
        )
    return list(map(int, epochs)) if is_list else int(validation_freq)


def standardize_validation(validation_data, model):
    """Return `validation_data` of `fit`, checked.

    Args:
        validation_data: (images,), (images, labels), (images, labels, weights), a data
            set or None.
        model: the `Learner`.
    """
    if validation_data is None:
        return None
    if isinstance(validation_data, list | tuple) and not is_list_of_batches(
        validation_data
    ):
        if not 1 <= len(validation_data) <= 3:
            raise ValueError(
                "`validation_data` must be (images, labels), (images, labels, sample "
                f"weights) or a data set, got a {type(validation_data).__name__} of "
                f"{len(validation_data)}."
            )
        try:
            given = standardize_rows(model, *(*validation_data, None, None)[:3])
        except ValueError as error:
            raise ValueError(f"In `validation_data`: {error}") from None
        return given[: len(validation_data)]
    if is_array(validation_data):
        raise ValueError(
            "`validation_data` must be (images, labels), (images, labels, sample "
            f"weights) or a data set, got {describe(validation_data)}. Give "
            "`(images, labels)`."
        )
    try:
        return model.check_data(validation_data)[0]
    except ValueError as error:
        raise ValueError(f"In `validation_data`: {error}") from None


def standardize_weights(sample_weight, rows):
    """Return `sample_weight`, a list as an array, if it has a weight for each row.

    Args:
        sample_weight: numbers of at least 0, (rows,), or None.
        rows: how many images there are, None of a data set.
    """
    if sample_weight is None:
        return None
    if rows is None:
        raise ValueError(
            "`sample_weight` must be None with a data set, got "
            f"{describe(sample_weight)}. Let its batches be (images, labels, weights)."
        )
    if not is_array(sample_weight):
        sample_weight = as_array(sample_weight, "sample_weight")
    weights = to_numpy(sample_weight)
    if weights.shape not in ((rows,), (rows, 1)) or weights.dtype.kind == "b":
        raise ValueError(
            f"`sample_weight` must be one number for each of the {rows} images, got "
            f"{describe(weights)}."
        )
    weights = weights.astype("float64")
    if weights.max() == 0:
        raise ValueError(
            f"`sample_weight` must not be 0 for all rows, got {rows} zeros: nothing "
            "would count."
        )
    if not (np.isfinite(weights).all() and weights.min() >= 0):
        raise ValueError(
            "`sample_weight` must be finite and at least 0, got values from "
            f"{weights.min():g} to {weights.max():g}."
        )
    return sample_weight


def count_rows(x):
    """Return how many images there are, None if `x` is a data set."""
    return len(x) if is_array(x) else None
