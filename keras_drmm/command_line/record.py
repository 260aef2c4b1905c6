"""The record of a fit: what it was told, and which labels it learned."""

import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import keras
import numpy as np

from keras_drmm.data.images import BLOCK
from keras_drmm.layers.json_file import LARGE, read_json

# Its file, within the folder of a model.
RECORD = "fit.json"


def write_record(folder, settings, learned):
    """Write the record of a fit, whole or not at all.

    Args:
        folder: `Path` of a folder.
        settings: {name: value} of types that JSON has.
        learned: {fingerprint: name of its class} of images whose labels are learned.
    """
    record = {"settings": settings, "learned": dict(sorted(learned.items()))}
    scratch = folder / f".{RECORD}"
    scratch.write_text(json.dumps(record, indent=1), encoding="utf-8")
    os.replace(scratch, folder / RECORD)


def read_settings(folder):
    """Return the settings of the record in a folder.

    Raises:
        ValueError: there is none, or it is damaged.
    """
    return _read(folder / RECORD)["settings"]


def learned_labels(model_name):
    """Return the images whose labels a model learned.

    Args:
        model_name: what a command was given as its model.

    Returns:
        {fingerprint: name of its class}, or None where there is no record.

    Raises:
        ValueError: the record is damaged.
    """
    path = Path(model_name) / RECORD
    return _read(path)["learned"] if path.exists() else None


def count_learned(learned, names):
    """Return how many labels of each class a model learned, None if that is unknown.

    Args:
        learned: as `learned_labels` returns it.
        names: of the model's classes.
    """
    counts = Counter((learned or {}).values())
    found = [counts[name] for name in names]
    return found if any(found) else None


def fingerprint(image):
    """Return a text that tells an image from others."""
    return hashlib.sha256(np.asarray(image).tobytes()).hexdigest()[:16]


def settings_of(options, found):
    """Return what the weights of a fit depend on, of types that JSON has.

    Args:
        options: of `fit`.
        found: the `FolderImages`.
    """
    names = ("epochs", "batch_size", "validation", "seed", "shift", "mirror", "preset")
    digest = hashlib.sha256(
        json.dumps([found.files, found.labels.tolist(), found.class_names]).encode()
    )
    for start in range(0, len(found.images), BLOCK):
        digest.update(found.images[start : start + BLOCK].tobytes())
    return {
        **{name: getattr(options, name) for name in names},
        "image_shape": list(found.images.shape[1:]),
        "backend": keras.config.backend(),
        "images": digest.hexdigest(),
    }


def _read(path):
    try:
        record = read_json(path, LARGE)
        _check_record(record)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} is missing or damaged: {error}. Remove the folder {path.parent}, "
            "or copy it again."
        ) from None
    return record


def _check_record(record):
    if record.keys() != {"settings", "learned"}:
        raise ValueError(f"it must have settings and learned, got {list(record)[:5]}")
    if not isinstance(record["settings"], dict):
        raise ValueError("its settings are no object")
    learned = record["learned"]
    if not isinstance(learned, dict) or not all(
        isinstance(name, str) for name in learned.values()
    ):
        raise ValueError("what it has as learned is no object of texts")
