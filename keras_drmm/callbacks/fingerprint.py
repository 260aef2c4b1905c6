"""What a run is: two of one fingerprint learn the same from the same."""

import json
import re
import zlib

import keras
from keras import ops

from keras_drmm.callbacks.nested import flatten

# Of all that differs, as much as a message names.
NAMED = 5


def fingerprint(model, data, epochs):
    """Return what tells one run from another, of types that JSON has.

    Args:
        model: a compiled Keras model.
        data: `fingerprint_of_data`'s, None where nothing is known of it.
        epochs: of `fit`.
    """
    trainer = getattr(model, "trainer", None)
    found = {
        "backend": keras.backend.backend(),
        "model": {"class": type(model).__name__, **_config(model.get_config)},
        "weights": [[list(v.shape), str(v.dtype)] for v in model.weights],
        "compile": _config(model.get_compile_config),
        "objective": dict(getattr(trainer, "weights", {})),
        "given weights": _checksum(getattr(trainer, "given", ())),
        "data": data,
        "epochs": epochs,
    }
    return _plain(found)


def fingerprint_of_data(x, arrays=None, steps=None):
    """Return what tells data from other data.

    Args:
        x: images, or a data set. Of one that has no `checksums()`, as
            `SemiSupervisedDataset` has them, the first batch alone is looked at.
        arrays: images, labels and weights, None for a data set.
        steps: batches in an epoch, None where that is not known.
    """
    if arrays is not None:
        return {
            "rows": len(x),
            "images": [list(x.shape), _checksum(arrays[:1])],
            "labels and weights": _checksum(arrays[1:]),
        }
    found = {"kind": type(x).__name__, "batches": steps}
    if hasattr(x, "checksums"):
        found |= {"batches": steps or len(x), **x.checksums()}
    if hasattr(x, "epoch") and hasattr(x, "__getitem__"):
        epoch, x.epoch = x.epoch, 0
        batch = x[0]
        x.epoch = epoch
        found["rows of a batch"] = len(batch[0])
        found["first batch"] = _checksum(batch)
    return found


def check_same(found, expected, folder):
    """Raise unless two fingerprints are one.

    Args:
        found: of the run that `folder` has.
        expected: of this one.
        folder: the run's.

    Raises:
        ValueError: they differ; it names in what.
    """
    found, expected = flatten(found), flatten(expected)
    names = [v for v in {**expected, **found} if found.get(v) != expected.get(v)]
    if not names:
        return
    told = [
        f"`{name}` was {found.get(name)} and is {expected.get(name)}"
        for name in names[:NAMED]
    ]
    told += [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    raise ValueError(
        f"The run in {folder} is another one: {'; '.join(told)}. Nothing was learned "
        "now. Give what it was given, or another folder."
    )


def _config(read):
    """Return a configuration, {} of an object that has none."""
    try:
        return read() or {}
    except NotImplementedError:
        return {}


def _plain(value):
    """Return a configuration in JSON's types, without the numbers that Keras gives.

    Keras numbers names by the objects that the process has made before.
    """
    text = json.dumps(value, default=_described)
    return json.loads(re.sub(r'(?<=[A-Za-z])_\d+(?=")', "", text))


def _described(value):
    return value.tolist() if hasattr(value, "tolist") else type(value).__name__


def _checksum(arrays):
    total = 0
    for array in arrays:
        if array is not None:
            total = zlib.crc32(ops.convert_to_numpy(array).tobytes(), total)
    return total
