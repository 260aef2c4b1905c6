"""What `fit`, `evaluate` and `predict` are given, in the forms that Keras has."""

import types
import warnings
from contextlib import contextmanager

import keras
import numpy as np

from keras_drmm.layers.arguments import (
    as_array,
    check_weights,
    describe,
    is_integer,
    standardize_boolean,
    standardize_integer,
    standardize_number,
)
from keras_drmm.models.checks import (
    begin,
    check_is_array,
    is_array,
    is_list_of_batches,
    to_numpy,
)
from keras_drmm.models.class_weights import apply_class_weight

# Of a long list, those that a warning names.
_NAMED = 5


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
    check_rate_is_free(model, given["callbacks"])
    check_one_weight(given["class_weight"], given["sample_weight"])
    x, y, sample_weight = standardize_rows(
        model, given["x"], given["y"], given["sample_weight"], learning=True
    )
    check_classes(model, x, y)
    x, class_weight = apply_class_weight(x, given["class_weight"], model.num_classes)
    validation_split = standardize_split(given["validation_split"])
    validation_data = standardize_validation(given["validation_data"], model)
    batch_size = standardize_batch_size(given["batch_size"], x)
    epochs = standardize_integer(given["epochs"], "epochs")
    shuffle = standardize_boolean(given["shuffle"], "shuffle")
    steps = ("steps_per_epoch", "validation_steps", "validation_batch_size")
    check_loop(given["verbose"], **{name: given[name] for name in steps})
    standardized = {
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
    check_epochs(given["initial_epoch"], epochs)
    check_validation(standardized)
    if isinstance(validation_data, types.GeneratorType):
        # Keras looks at it after an epoch, and all else that is given is right.
        with _in_validation_data():
            standardized["validation_data"] = begin(validation_data)
    return standardized


def standardize_rows(model, x, y, sample_weight, learning=False):
    """Return images or a data set, labels and weights as a model takes them.

    Args:
        model: the `Learner`.
        x: images or a data set.
        y: labels, or None.
        sample_weight: a number of at least 0 for each row, or None.
        learning: whether the model learns from them.
    """
    if learning:
        check_trainable(model)
    x, y = model.check_data(x, y, learning)
    if is_array(x):
        check_loss_has_labels(model, y)
    return x, y, standardize_weights(sample_weight, count_rows(x))


def standardize_batch(model, x, y, sample_weight, learning=False):
    """Return a single batch as `standardize_rows` does; a data set is refused."""
    check_is_array(x)
    return standardize_rows(model, x, y, sample_weight, learning)


def check_trainable(model):
    """Raise if other variables are trainable than as a compiled model began to learn.

    Keras makes its steps once. Of a later change TensorFlow's know nothing, JAX's fail
    deep below, and only PyTorch's heed it.
    """
    if model.trainer is not None and not model.trainer.by_gradients:
        return
    learned = _paths(model.trainable_variables)
    before = model.learned_variables or learned
    if model.learned_variables is None and keras.backend.backend() == "jax":
        # Its optimizer, built as a model is loaded, has the state of these variables.
        optimizer = innermost(model.optimizer)
        before = _paths(getattr(optimizer, "_trainable_variables", ())) or learned
    changed = before.keys() ^ learned.keys()
    if changed:
        paths = sorted({**before, **learned}[key] for key in changed)
        raise ValueError(
            f"`trainable` of {len(changed)} of the model's variables, such as "
            f"{paths[0]!r}, has changed since the model was compiled and began to "
            "learn, which its steps do not see: call `compile` again."
        )
    model.learned_variables = learned


def _paths(variables):
    return {id(v): v.path for v in variables}


def check_loss_has_labels(model, labels):
    """Raise if a model that a Keras loss measures is given no labels."""
    if labels is None and model.trainer is None:
        raise ValueError(
            "`y` must be integer labels, which the Keras `loss` that the model was "
            "compiled with needs, got None. Give labels, in a data set batches of "
            "(images, labels)."
        )


def check_classes(model, x, y):
    """Warn if some classes have labels and others have none.

    Nothing is said where the algorithm needs no labels, or of a data set that does not
    tell its labels beforehand, as `SemiSupervisedDataset` does.
    """
    labels = y if is_array(x) else getattr(x, "shown_labels", None)
    needs_labels = getattr(getattr(model, "algorithm", None), "needs_labels", True)
    if labels is None or not needs_labels:
        return
    labels = to_numpy(labels).reshape(-1)
    seen = np.unique(labels[labels >= 0])
    missing = np.setdiff1d(np.arange(model.num_classes), seen)
    if not len(seen) or not len(missing):
        return
    names = ", ".join(map(str, missing[:_NAMED]))
    names += ", ..." if len(missing) > _NAMED else ""
    _warn(
        f"{len(missing)} of the {model.num_classes} classes of the model have no label "
        f"({names}): nothing tells what their images look like, and these are taken "
        "for other classes. Label at least one image of each, or build the model with "
        f"`num_classes={len(seen)}` and number the classes from 0."
    )


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
    for callback in as_list(callbacks):
        if not isinstance(callback, keras.callbacks.Callback):
            raise ValueError(
                "`callbacks` must be a list of `keras.callbacks.Callback`s, got "
                f"{callback!r}. Make one of a function by "
                "`keras.callbacks.LambdaCallback`."
            )


def check_rate_is_free(model, callbacks):
    """Raise if a callback would set a rate that there is not, or that a schedule sets.

    Keras finds out at the end of an epoch, whose training is lost then, or never.
    """
    setters = (
        keras.callbacks.LearningRateScheduler,
        keras.callbacks.ReduceLROnPlateau,
    )
    found = [c for c in as_list(callbacks) if isinstance(c, setters)]
    if not found:
        return
    name, algorithm = type(found[0]).__name__, getattr(model, "algorithm", None)
    if model.trainer is not None and not model.trainer.by_gradients:
        raise ValueError(
            f"`callbacks` has a {name}, but {type(algorithm).__name__} learns by "
            "closed forms, which have no learning rate: leave it out."
        )
    rate = getattr(innermost(model.optimizer), "_learning_rate", None)
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        own = "" if algorithm is None else ", algorithm=model.algorithm"
        raise ValueError(
            f"`callbacks` has a {name}, but the rate follows the schedule "
            f"{type(rate).__name__}: compile with a number, for example "
            f"`model.compile(keras.optimizers.Adam(1e-3){own})`."
        )


def innermost(optimizer):
    """Return the optimizer within mixed precision's loss scaling, if there is any."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def check_one_weight(class_weight, sample_weight):
    """Raise if both kinds of weights are given, of which Keras takes one."""
    if class_weight is not None and sample_weight is not None:
        raise ValueError(
            "`class_weight` and `sample_weight` cannot be given together: multiply "
            "the weights of the rows by those of their classes, and leave "
            "`class_weight` out."
        )


def as_list(callbacks):
    """Return callbacks, one, several or none, as a list."""
    return [] if callbacks is None else keras.tree.flatten(callbacks)


def check_loop(verbose, **steps):
    """Raise unless arguments of Keras' loops are such as Keras takes.

    Args:
        verbose: "auto", 0, 1 or 2.
        **steps: integers of at least 1, or None.
    """
    if not (isinstance(verbose, bool) or verbose in ("auto", 0, 1, 2)):
        raise ValueError(f"`verbose` must be 'auto', 0, 1 or 2, got {verbose!r}.")
    for name, value in steps.items():
        if value is not None:
            standardize_integer(value, name)


def check_epochs(initial_epoch, epochs):
    """Raise if a training would begin after its end, and warn if it would at it."""
    standardize_integer(initial_epoch, "initial_epoch", minimum=0)
    if initial_epoch > epochs:
        raise ValueError(
            f"`initial_epoch` must be at most `epochs`, {epochs}, got {initial_epoch}: "
            "`epochs` counts those before it, too."
        )
    if initial_epoch == epochs:
        _warn(
            f"Nothing is learned: `initial_epoch` and `epochs` are {epochs}, and "
            "`epochs` counts those before it, too."
        )


def check_validation(given):
    """Raise if arguments of `fit` about validation cannot all be heeded.

    Args:
        given: the standardized arguments, {name: value}.
    """
    data, split = given["validation_data"], given["validation_split"]
    size, frequency = given["validation_batch_size"], given["validation_freq"]
    if data is not None and split:
        raise ValueError(
            f"`validation_split` must be 0 with `validation_data`, got {split}: give "
            "one of them."
        )
    if split and not is_array(given["x"]):
        raise ValueError(
            f"`validation_split` must be 0 with a data set, got {split}. Give "
            "`validation_data`."
        )
    if data is None and not split:
        defaults = {"validation_steps": None, "validation_batch_size": None}
        for name, default in {**defaults, "validation_freq": 1}.items():
            if given[name] != default:
                raise ValueError(
                    f"`{name}` must be {default} without validation, got "
                    f"{given[name]}. Give `validation_data` or `validation_split`."
                )
        return
    if data is not None and not isinstance(data, tuple):
        standardize_batch_size(size, data, "validation_batch_size")
    epochs = range(given["initial_epoch"] + 1, given["epochs"] + 1)
    if isinstance(frequency, list):
        is_validated = any(epoch in frequency for epoch in epochs)
    else:
        is_validated = any(epoch % frequency == 0 for epoch in epochs)
    if epochs and not is_validated:
        _warn(
            f"Nothing is validated: `validation_freq` {frequency} is none of the "
            f"epochs {epochs[0]} to {epochs[-1]}."
        )


def standardize_batch_size(value, x, name="batch_size"):
    """Return a batch size as an int of at least 1, or None.

    Args:
        value: what was given.
        x: images or a data set, whose batches have a size.
        name: of the argument.
    """
    if value is None:
        return None
    size = standardize_integer(value, name)
    if not is_array(x):
        raise ValueError(
            f"`{name}` must be None with a data set, got {size}: its batches have a "
            "size already."
        )
    return size


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
        with _in_validation_data():
            given = standardize_rows(model, *(*validation_data, None, None)[:3])
        return given[: len(validation_data)]
    if is_array(validation_data):
        raise ValueError(
            "`validation_data` must be (images, labels), (images, labels, sample "
            f"weights) or a data set, got {describe(validation_data)}. Give "
            "`(images, labels)`."
        )
    with _in_validation_data():
        return model.check_data(validation_data)[0]


@contextmanager
def _in_validation_data():
    try:
        yield
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
    check_weights(to_numpy(sample_weight), rows)
    return sample_weight


def count_rows(x):
    """Return how many images there are, None if `x` is a data set."""
    return len(x) if is_array(x) else None


def _warn(message):
    """Warn on the line that called a model's method."""
    # Here, the check, `standardize_fit` and `fit` stand between.
    warnings.warn(message, stacklevel=5)
