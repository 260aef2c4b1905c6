"""What a state of a run must be, whatever its checksum says."""

import io

from keras_drmm.callbacks.nested import nest
from keras_drmm.layers.arguments import describe, is_integer, is_number
from keras_drmm.layers.npz_file import read_npz_arrays

_FLAGS = ("is_finished", "is_stopped")
# Groups of arrays. An empty one is not in the file.
_MAY_BE_EMPTY = ("metrics", "optimizer", "trainer")


def check_manifest(manifest):
    """Raise unless a manifest has what `Resume` writes.

    Args:
        manifest: {name: value}, as JSON has it.

    Raises:
        ValueError: it has something else. The message is a clause.
    """
    if not isinstance(manifest.get("run"), dict):
        raise ValueError(f"`run` is no object, but {describe(manifest.get('run'))}")
    for name in ("epoch", "batch"):
        value = manifest.get(name)
        if not is_integer(value) or value < 0:
            raise ValueError(f"`{name}` is no number from 0 on, but {describe(value)}")
    for name in _FLAGS:
        value = manifest.get(name)
        if not isinstance(value, bool):
            raise ValueError(f"`{name}` is neither true nor false, but {value!r}")
    seed = manifest.get("seed")
    if seed is not None and not is_integer(seed):
        raise ValueError(f"`seed` is no integer, but {describe(seed)}")
    rows = manifest.get("rows")
    if not isinstance(rows, list):
        raise ValueError(f"`rows` is no list, but {describe(rows)}")
    for found in (manifest.get("logs"), *rows):
        if not isinstance(found, dict) or not all(map(is_number, found.values())):
            raise ValueError(f"`logs` or `rows` are no numbers: {describe(found)}")
    if not all(is_integer(row.get("epoch")) for row in rows):
        raise ValueError("one of `rows` has no epoch")


def read_state(content):
    """Return the arrays of a state, {group: {place: array}}.

    Args:
        content: bytes, as `Resume` writes them.

    Raises:
        ValueError: they are others. The message is a clause.
    """
    flat = read_npz_arrays(io.BytesIO(content))
    try:
        state = {**{name: {} for name in _MAY_BE_EMPTY}, **nest(flat)}
    except (AttributeError, IndexError, TypeError):
        raise ValueError(f"an array is within another one: {list(flat)[:5]}") from None
    if set(state) != {"model", "random", *_MAY_BE_EMPTY}:
        raise ValueError(f"its arrays are {sorted(state)}")
    if getattr(state["random"], "dtype", None) != "uint8":
        raise ValueError("its random numbers are no bytes")
    return state


def check_arrays(variables, arrays, what):
    """Raise unless there is an array of its shape for each variable.

    Args:
        variables: of Keras.
        arrays: {place: NumPy array}, the places "0", "1", .. in this order.
        what: the variables are of, for the error.

    Raises:
        ValueError: there is not. The message is a clause.
    """
    places = list(arrays) if isinstance(arrays, dict) else []
    if places != [str(n) for n in range(len(variables))]:
        raise ValueError(
            f"it has {len(places)} arrays of the {what}, not {len(variables)} in order"
        )
    for array, variable in zip(arrays.values(), variables, strict=True):
        shape = getattr(array, "shape", None)
        if shape != tuple(variable.shape):
            raise ValueError(
                f"`{variable.path}` of the {what} has shape {shape}, not "
                f"{tuple(variable.shape)}"
            )
