"""read_json, parse_json: a JSON file that may be damaged, read within bounds."""

import json
from pathlib import Path
from typing import Any

from keras_drmm.layers.ordinary_file import check_ordinary_file

# Levels of lists and objects within each other. Our own files have less than ten.
DEEPEST = 50
_PIECE = 2**16
LARGE = 2**28
"""Bytes that a file with a line for each of many images may have."""


def read_json(path: Path, most_bytes: int, takes_nan: bool = False) -> dict[str, Any]:
    """Return the object of a JSON file, {name: value}.

    Args:
        path: of the file, in UTF-8.
        most_bytes: that the file may have. What is read takes some ten times as much.
        takes_nan: whether NaN and infinities, which Python writes, are numbers.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is larger, no JSON or no object, nested too deeply, or has NaN or
            a key twice. The message is a clause about "it", the file.
    """
    check_ordinary_file(path)
    with path.open("rb") as file:
        # Not by the size that the system tells, as a pipe has none, and not at once:
        # Python would ask for all the memory that there could be.
        content = bytearray()
        while len(content) <= most_bytes and (part := file.read(_PIECE)):
            content += part
    return parse_json(content, most_bytes, takes_nan)


def parse_json(
    content: bytes | bytearray, most_bytes: int, takes_nan: bool
) -> dict[str, Any]:
    """Do what `read_json` does with what was read of a file."""
    constant = None if takes_nan else _refuse_constant
    if len(content) > most_bytes:
        raise ValueError(f"it has more than {most_bytes:,} bytes")
    try:
        found = json.loads(content, object_pairs_hook=_as_dict, parse_constant=constant)
    except RecursionError:
        raise ValueError(f"it is nested more than {DEEPEST} levels deep") from None
    except _Refused as error:
        raise ValueError(str(error)) from None
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"it must hold a JSON object, got a {type(found).__name__}")
    _check_depth(found)
    return found


class _Refused(ValueError):
    """JSON for Python, but not for us."""


def _as_dict(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(f"it has the key {twice!r} twice")
    return found


def _refuse_constant(text):
    raise _Refused(f"it has {text}, which is no number of JSON")


def _check_depth(found):
    """Raise if what was read is nested so deeply that later steps would fail."""
    layer: list = [found]
    for _ in range(DEEPEST):
        layer = [
            child
            for value in layer
            for child in (value.values() if isinstance(value, dict) else value)
            if isinstance(child, dict | list)
        ]
        if not layer:
            return
    raise ValueError(f"it is nested more than {DEEPEST} levels deep")
