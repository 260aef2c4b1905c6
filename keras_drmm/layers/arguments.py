"""Checks of arguments; each error names the argument, what was found, what to give."""

import difflib
import inspect
import math

import numpy as np
from keras import ops

# Products of weights of this size are numbers of float32 still.
LEAST_WEIGHT = 1e-20
# Keyword arguments of `keras.layers.Layer` that a subclass passes on.
_OF_LAYERS = ("activity_regularizer", "autocast", "dtype", "name", "trainable")


def is_integer(value):
    """Return whether `value` is an integer of Python or NumPy; a bool is not."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value):
    """Return whether `value` is a real number of Python or NumPy; a bool is not."""
    return is_integer(value) or isinstance(value, float | np.floating)


def standardize_integer(value, name, minimum=1):
    """Return `value` as an int if it is an integer (no bool) of at least `minimum`."""
    if not is_integer(value) or value < minimum:
        raise ValueError(
            f"`{name}` must be an integer of at least {minimum}, got {value!r}."
        )
    return int(value)


def standardize_pair(value, name):
    """Return `value` as a pair of positive integers; an integer counts twice."""
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or not all(is_integer(v) and v > 0 for v in pair):
        raise ValueError(
            f"`{name}` must be a positive integer or a pair of them, got {value!r}."
        )
    return int(pair[0]), int(pair[1])


def standardize_number(value, name, above=None, least=None, most=None, advice=""):
    """Return `value` as a float if it is a finite number (no bool) in a range.

    Args:
        value: what was given.
        name: of the argument.
        above: end of the range that is not in it, or None.
        least: end of the range that is in it, or None.
        most: the other end, in it, or None.
        advice: what to do, a sentence that ends the error.
    """
    ends = {"above": above, "of at least": least, "of at most": most}
    given = {word: end for word, end in ends.items() if end is not None}
    wanted = " and ".join(f"{word} {end}" for word, end in given.items())
    if (
        not is_number(value)
        # Of no int that a float cannot hold.
        or not abs(value) < math.inf
        or (is_integer(value) and abs(value) > 1e308)
        or (above is not None and not value > above)
        or (least is not None and not value >= least)
        or (most is not None and not value <= most)
    ):
        raise ValueError(
            f"`{name}` must be a finite number{' ' if wanted else ''}{wanted}, got "
            f"{value!r}.{' ' if advice else ''}{advice}"
        )
    return float(value)


def standardize_boolean(value, name):
    """Return `value` as a bool if it is True or False; nothing else is taken as one."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"`{name}` must be True or False, got {value!r}.")
    return bool(value)


def check_choice(value, name, choices):
    """Raise unless `value` is one of `choices`."""
    if not any(type(value) is type(v) and value == v for v in choices):
        *others, last = map(repr, choices)
        raise ValueError(
            f"`{name}` must be {', '.join(others)} or {last}, got {value!r}."
        )


def standardize_object(value, name, get, example):
    """Return what a function of Keras makes of a name, a configuration or an object.

    Args:
        value: what was given.
        name: of the argument.
        get: `keras.initializers.get` or the like.
        example: of a value, for the error.
    """
    try:
        return get(value)
    except (ValueError, TypeError):
        raise ValueError(
            f"`{name}` must be one that Keras knows, such as {example!r}, got "
            f"{describe(value)}."
        ) from None


def standardize_seed(value, name="seed"):
    """Return a seed as an int of at least 0, or None."""
    if value is None:
        return None
    if not is_integer(value) or value < 0:
        raise ValueError(
            f"`{name}` must be an integer of at least 0, or None, got {value!r}."
        )
    return int(value)


def standardize_input_shape(value, name="input_shape"):
    """Return the shape of an image, three positive integers, as a tuple."""
    shape = _as_tuple(value)
    if (
        shape is None
        or len(shape) != 3
        or not all(is_integer(v) and v > 0 for v in shape)
    ):
        advice = ""
        if shape is not None and len(shape) == 2:
            advice = f" Grey images have one channel: {(*shape, 1)}."
        if shape is not None and len(shape) == 4:
            advice = f" Leave out the batch axis: {shape[1:]}."
        raise ValueError(
            f"`{name}` must be the shape (height, width, channels) of an image, three "
            f"positive integers, got {value!r}.{advice}"
        )
    height, width, channels = map(int, shape)
    return height, width, channels


def standardize_pixel_range(value, name="pixel_range"):
    """Return (lowest, highest) of a pixel, finite and in this order."""
    ends = _as_tuple(value)
    if (
        ends is None
        or len(ends) != 2
        or not all(is_number(v) and math.isfinite(v) for v in ends)
        or not ends[0] < ends[1]
    ):
        raise ValueError(
            f"`{name}` must be (lowest, highest), two finite numbers in this order, "
            f"got {value!r}."
        )
    # Integers stay integers, as saved models have them.
    lowest, highest = (v.item() if isinstance(v, np.generic) else v for v in ends)
    return lowest, highest


def check_keywords(called, given):
    """Raise if a call has a keyword argument that nothing takes, or a bad `dtype`.

    Args:
        called: the class or function that was called; of a class, what its bases take
            counts as well.
        given: the keyword arguments.

    Raises:
        TypeError: as of `check_names`.
        ValueError: `dtype` is of no floats.
    """
    if not isinstance(called, type):
        check_names(called.__name__, given, inspect.signature(called).parameters)
        return
    dtype = given.get("dtype")
    if isinstance(dtype, str) and "float" not in dtype:
        raise ValueError(
            "`dtype` must be of floats, for example 'float32' or 'mixed_bfloat16', "
            f"got {dtype!r}."
        )
    known = set(_OF_LAYERS)
    for base in called.__mro__:
        if base.__module__.startswith("keras."):
            break
        if "__init__" in vars(base):
            known |= inspect.signature(vars(base)["__init__"]).parameters.keys()
    check_names(called.__name__, given, known - {"self", "args", "kwargs"})


def check_names(called, given, known):
    """Raise if `given` has a name that is not `known`.

    Args:
        called: name of what was called.
        given: {name: value} of keyword arguments.
        known: names.

    Raises:
        TypeError: as Python's own, with the value, and the known name that is like it.
    """
    for name in sorted(given.keys() - set(known)):
        like = difflib.get_close_matches(name, known, n=1)
        advice = f" Did you mean `{like[0]}`?" if like else ""
        raise TypeError(
            f"`{called}` has no argument `{name}`, got "
            f"{name}={describe(given[name])}.{advice}"
        )


def check_config(cls, config):
    """Raise a ValueError unless `config` has what the constructor of `cls` must have.

    Args:
        cls: the class.
        config: what its `from_config` was given.
    """
    _, *parameters = inspect.signature(cls.__init__).parameters.values()
    needed = [
        v.name
        for v in parameters
        if v.default is v.empty and v.kind is v.POSITIONAL_OR_KEYWORD
    ]
    found = None
    if not isinstance(config, dict):
        found = describe(config)
    elif missing := [name for name in needed if name not in config]:
        found = f"one without {missing}"
    if found:
        raise ValueError(
            f"`config` must be a dictionary with {needed}, as `get_config` of "
            f"`{cls.__name__}` returns it, got {found}."
        )


def check_model(model, name, kind, advice=""):
    """Raise a TypeError unless `model` is a `kind`, a class or a tuple of classes."""
    if not isinstance(model, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(f"`{v.__name__}`" for v in kinds)
        raise TypeError(
            f"`{name}` must be a {wanted}, got {describe(model)}."
            f"{' ' if advice else ''}{advice}"
        )


def describe(value):
    """Return a value as an error shows it: never the numbers of a whole array."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"an array of {value.dtype} of shape {tuple(value.shape)}"
    if isinstance(value, list | tuple | dict) and len(repr(value)) > 100:
        return f"a {type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 200 else f"a {type(value).__name__}"


def as_array(value, name):
    """Return a list, tuple or tensor of numbers as a NumPy array.

    Args:
        value: an array, or nested lists of equal lengths.
        name: of the argument.

    Raises:
        ValueError: the lists are of different lengths or hold no numbers.
    """
    if isinstance(value, np.ndarray):
        return value
    try:
        array = np.asarray(value)
        is_numeric = array.dtype.kind in "biufV"  # V: bfloat16
    except (ValueError, TypeError, RuntimeError):
        is_numeric = False
    if not is_numeric:
        raise ValueError(
            f"`{name}` must be an array of numbers, got {describe(value)}. Lists must "
            "hold numbers and have equal lengths."
        )
    return array


def check_labels(labels, num_images, num_classes=None):
    """Raise unless `labels` are integers, one for each image, from -1 on.

    Args:
        labels: NumPy array of shape (n,) or (n, 1); -1 marks an unlabelled image.
        num_images: number of images, which n must equal.
        num_classes: labels must be less than this; None allows all that fit in int32.

    Raises:
        ValueError: the labels have another shape, type or range.
    """
    if labels.shape not in ((num_images,), (num_images, 1)):
        advice = "Turn one-hot rows into classes by `y.argmax(-1)`."
        if labels.ndim < 2 or len(labels) != num_images:
            advice = "Give as many labels as images, -1 for an unlabelled one."
        raise ValueError(
            f"Labels must be one integer for each of the {num_images} images, got "
            f"shape {labels.shape}. {advice}"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"Labels must be integers (-1: unlabelled), got dtype {labels.dtype}. "
            "Convert whole numbers by `y.astype('int32')`."
        )
    if num_images == 0:
        raise ValueError("There is no row: give at least one label.")
    highest = (2**31 if num_classes is None else num_classes) - 1
    # As Python's integers, which unsigned ones of NumPy do not overflow.
    first, last = int(labels.min()), int(labels.max())
    if first < -1 or last > highest:
        raise ValueError(
            f"Labels must be -1 (unlabelled) to {highest}, got values from {first} to "
            f"{last}. Number the classes from 0."
        )


def check_weights(weights, rows):
    """Raise unless `sample_weight` is one number of at least 0 for each of `rows` rows.

    Args:
        weights: NumPy array.
        rows: how many images there are.
    """
    # V: bfloat16.
    if weights.shape not in ((rows,), (rows, 1)) or weights.dtype.kind not in "iufV":
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
    if not LEAST_WEIGHT <= weights.max() <= 1 / LEAST_WEIGHT:
        raise ValueError(
            f"`sample_weight` must be from {LEAST_WEIGHT} to {1 / LEAST_WEIGHT} for "
            f"the row of the largest, as float32 is, got {weights.max():g}. Divide "
            "the weights by their mean: weights that are all doubled change nothing."
        )


def _as_tuple(value):
    """Return a list, tuple or vector as a tuple, None for anything else."""
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return tuple(value)
    return tuple(value) if isinstance(value, tuple | list) else None


def standardize_class_names(names, num_classes):
    """Return the names of classes as a list of plain strings.

    Raises:
        ValueError: they are not a different string for each class.
    """
    is_list = isinstance(names, list | tuple | np.ndarray)
    listed = list(names) if is_list else []
    if (
        len(listed) != num_classes
        or not all(isinstance(name, str) for name in listed)
        or len(set(listed)) != num_classes
    ):
        raise ValueError(
            f"`class_names` must be a list of {num_classes} different strings, one for "
            f"each class, got {describe(names)}."
        )
    # A configuration has no NumPy strings.
    return [str(name) for name in listed]


def standardize_classes(classes, rows, num_classes):
    """Return `classes` as an array if they are one integer a row, 0 on.

    Args:
        classes: integers, an array or a list.
        rows: how many there must be.
        num_classes: they are less than this.
    """
    return standardize_integers(classes, "classes", (rows,), 0, num_classes - 1)


def standardize_integers(values, name, shape, lowest, highest, advice=""):
    """Return an array of integers if it has a shape and range.

    Args:
        values: integers, an array or nested lists.
        name: of the argument.
        shape: that it must have.
        lowest: the least value that there may be.
        highest: the greatest one.
        advice: what to do, a sentence that ends the errors.
    """
    array = as_array(to_numpy(values) if is_array(values) else values, name)
    wanted = f"`{name}` must be integers from {lowest} to {highest} of shape {shape}"
    advice = f" {advice}" if advice else ""
    if array.shape != tuple(shape):
        raise ValueError(
            f"{wanted}, one integer for each of the {shape[0]} images, got shape "
            f"{array.shape}.{advice}"
        )
    if array.size == 0:
        raise ValueError(f"{wanted}, got none: ask for at least one image.")
    if array.dtype.kind not in "iu":
        raise ValueError(f"{wanted}, got dtype {array.dtype}.{advice}")
    # As Python's integers, which unsigned ones of NumPy do not overflow.
    first, last = int(array.min()), int(array.max())
    if first < lowest or last > highest:
        raise ValueError(f"{wanted}, got values from {first} to {last}.{advice}")
    return array


def is_array(x):
    """Return whether x is an array or tensor."""
    return hasattr(x, "shape") and hasattr(x, "dtype")


def to_numpy(x):
    """Return an array or tensor as a NumPy array."""
    return x if isinstance(x, np.ndarray) else ops.convert_to_numpy(x)
