"""Images in a file that is mapped into memory."""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_drmm.layers.json_file import LARGE, read_json
from keras_drmm.layers.npz_file import read_npy_header


def sidecar(cache: Path) -> Path:
    """Return the path of the JSON file that says what a cache is made of."""
    return cache.with_name(f"{cache.name}.json")


def cached_rows(
    cache: Path, key: dict, rows: Iterator[np.ndarray], failed: dict[str, str]
) -> np.ndarray:
    """Map images into memory from a file, which is written first if need be.

    Images are written to a file, not to a memory map, whose pages would count as memory
    of the process, and whose length would have to be known before. The file gets its
    name only when it is whole.

    Args:
        cache: path of the file. One made with the same key is reused.
        key: what the images depend on, of types that JSON has; `files` is the number
            of files.
        rows: the images, uint8 arrays of one shape.
        failed: gets {path: reason} of the files that cannot be read; `rows` adds to it.

    Returns:
        A read-only memory map.

    Raises:
        ValueError: there is a file that is no cache, or not the one that is described.
    """
    saved = _read_sidecar(cache)
    if saved and saved["key"] == key and saved["written"] == _identity(cache):
        _check_images(cache, key["files"] - len(saved["failed"]))
        failed.update(saved["failed"])
        return np.load(cache, mmap_mode="r")
    # Hidden, so that it is no part of a folder of images.
    name = f".{cache.name}.{uuid.uuid4().hex}"
    data, about = cache.with_name(name), cache.with_name(f"{name}.json")
    try:
        with data.open("xb") as file:
            _write_npy(file, rows)
        made = {"key": key, "failed": failed, "written": _identity(data)}
        about.write_text(json.dumps(made))
        # In this order, a cache is never without its sidecar.
        os.replace(about, sidecar(cache))
        os.replace(data, cache)
    finally:
        about.unlink(missing_ok=True)
        data.unlink(missing_ok=True)
    return np.load(cache, mmap_mode="r")


def _read_sidecar(cache: Path) -> dict | None:
    """Return what a cache is made of, or None if there is none."""
    path = sidecar(cache)
    if not cache.exists() and not path.exists():
        return None
    try:
        saved = read_json(path, LARGE)
        if saved.keys() != {"key", "failed", "written"}:
            raise ValueError("it must have key, failed and written")
        if not isinstance(saved["failed"], dict):
            raise ValueError("what failed is no object")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"`cache` must be a new file or one that `load_folder` wrote, but {cache} "
            f"is not described by a file {path.name} beside it ({error}). Give another "
            "name, or remove what is there."
        ) from None
    return saved


def _check_images(cache: Path, rows: int) -> None:
    """Raise unless a cache holds so many images, as its file's size says, too."""
    with cache.open("rb") as file:
        try:
            header = read_npy_header(file)
            size = cache.stat().st_size
            if (
                header.dtype != np.uint8
                or len(header.shape) != 4
                or header.shape[0] != rows
                or header.shape[3] not in (1, 3)
                or header.is_fortran
                or header.size + header.nbytes != size
            ):
                raise ValueError(
                    f"it has {header.dtype} of shape {header.shape} in {size:,} "
                    f"bytes, for {rows} images"
                )
        except ValueError as error:
            raise ValueError(
                f"`cache` must be a file that `load_folder` wrote, but {cache} does "
                f"not hold these images ({error}). Remove it and {sidecar(cache).name}."
            ) from None


def _write_npy(file: Any, rows: Iterator[np.ndarray]) -> None:
    count, shape = 0, ()
    for row in rows:
        if count == 0:
            shape = row.shape
            _write_header(file, count, shape)
        file.write(row.tobytes())
        count += 1
    # NumPy leaves room in a header for a larger number of rows.
    file.seek(0)
    _write_header(file, count, shape)


def _write_header(file: Any, count: int, shape: tuple[int, ...]) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
    np.lib.format.write_array_header_1_0(file, header)


def _identity(path: Path) -> list[int] | None:
    """Return size and time of a file, which another content would change, or None."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]
