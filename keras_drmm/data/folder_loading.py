"""A folder of images as a data set."""

import os
import warnings
from pathlib import Path

import numpy as np

from keras_drmm.data.folder_files import find_files, first_few
from keras_drmm.data.folder_images import FolderImages
from keras_drmm.data.image_cache import cached_rows, sidecar
from keras_drmm.layers.arguments import check_choice, describe, standardize_pair


def load_folder(
    path: str | os.PathLike[str],
    image_size: tuple[int, int] | int | None = None,
    color_mode: str = "auto",
    *,
    labels: str | os.PathLike[str] | bool | None = None,
    cache: str | os.PathLike[str] | None = None,
    verbose: str | int = "auto",
) -> FolderImages:
    """Load a folder of images for learning with few labels.

    Without `labels`, each subfolder of `path` is a class and holds its images, at any
    depth. Unlabelled images are in a subfolder `unlabelled` or `unlabeled` (in capital
    or small letters), or directly in `path`. With `labels`, subfolders mean nothing.

    Classes are numbered from 0 in the order of their names as text (`"10"` goes before
    `"2"`), images are sorted by path. Links are followed. Hidden files and folders,
    whose names begin with a dot, are ignored.

    What an image becomes does not depend on its suffix but on its content:

    - PNG, JPEG, BMP, GIF, TIFF and WebP are read, of several frames the first. An EXIF
      orientation is applied, colour profiles are not.
    - Grey levels of 1, 2 or 4 bits are spread over 0 to 255; those of 16 bits are
      divided by 257 and rounded, those of 12 bits multiplied by 255 / 4095 and rounded.
      Of 16-bit colours Pillow keeps the upper 8 bits.
    - Transparency: the image is composited onto black, which the models take for
      nothing. A colour c of opacity a / 255 becomes c a / 255, rounded.
    - CMYK becomes R = (255 - C) (255 - K) / 255, G and B likewise; YCbCr becomes RGB as
      in JPEG (ITU-R BT.601). A palette's colours are looked up.
    - `"grayscale"` makes a colour 0.299 R + 0.587 G + 0.114 B; `"rgb"` repeats a grey
      level three times.
    - Resizing is Pillow's bilinear one, which is antialiased: a pixel of a smaller
      image is a mean of all pixels that it covers, weighted by a triangle. The aspect
      ratio is not kept.

    Nothing is left out without a word. Images that are damaged, truncated, empty or
    larger than `PIL.Image.MAX_IMAGE_PIXELS` (a limit against files that fill the
    memory), and files that are no such images, are listed in `unreadable`, and a
    warning tells of them. Truncated images are never read in part. Damage within whole
    files is noticed where the format has checksums: in PNG.

    Args:
        path: the folder.
        image_size: (height, width) that images are resized to, or one integer for both.
            None keeps their size, which must then be the same for all.
        color_mode: `"grayscale"` for one channel, `"rgb"` for three, or `"auto"`: rgb
            if red, green and blue differ at any pixel of any image, else grayscale.
        labels: path of a CSV file in UTF-8 with the columns `file` (path relative to
            the folder, with `/` between its parts) and `label` (name of the class;
            empty for an unlabelled image). Other columns are ignored. Images that the
            file does not name are unlabelled. False looks for no labels: subfolders
            mean nothing, and all images are unlabelled, as for `predict`.
        cache: path of a file `*.npy` that the images are written to one after another,
            so that they need not fit in memory; they are then a memory map. A later
            call reuses it if the images' paths, sizes and modification times,
            `image_size`, `color_mode` and Pillow's version are the same, and else
            writes it anew. A file `*.npy.json` beside it says what it is made of.
        verbose: 0 shows no progress, 1 a bar, 2 a line at the end, `"auto"` a bar.

    Returns:
        A `FolderImages` with `images`, `labels`, `class_names`, `files` and
        `unreadable`. It goes on as `semi_supervised(found.images, found.labels, None)`.
        Without any label it is for `predict` alone.

    Raises:
        ValueError: there is no such folder, no image can be read, a class has no image
            that can be read, images are of several sizes and `image_size` is None, the
            CSV file is not as described or names files that are not there, `cache` is
            a file that this function did not write, or an argument is out of range.
        ImportError: Pillow is not installed.

    Example:

    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ["cat/1.png", "dog/1.png", "unlabelled/1.png"]:
    ...     (folder / name).parent.mkdir()
    ...     Image.new("RGB", (40, 30), "red").save(folder / name)
    >>> found = keras_drmm.data.load_folder(folder, image_size=(32, 32), verbose=0)
    >>> found.images.shape, found.labels.tolist(), found.class_names
    ((3, 32, 32, 3), [0, 1, -1], ('cat', 'dog'))
    """
    root = _as_path(path, "path", "a folder")
    size = None if image_size is None else standardize_pair(image_size, "image_size")
    check_choice(color_mode, "color_mode", ("auto", "grayscale", "rgb"))
    check_choice(verbose, "verbose", ("auto", 0, 1, 2))
    table: Path | bool | None = None
    if labels is False:
        table = False
    elif labels is not None:
        table = _as_path(labels, "labels", "a CSV file")
    target = None if cache is None else _as_path(cache, "cache", "a file")
    if not root.is_dir():
        raise ValueError(f"`path` must be a folder, but {root} is none.")
    if target is not None and (target.suffix != ".npy" or not target.parent.is_dir()):
        raise ValueError(
            f"`cache` must be a file *.npy in a folder that is there, got {cache!r}."
        )
    try:
        # Imported here because it is an optional dependency.
        from keras_drmm.data.image_files import cache_key, read_rows, strict_pillow
    except ImportError as error:
        raise ImportError(
            "load_folder() reads images by Pillow, which is not installed: "
            "pip install keras-drmm[images]"
        ) from error

    own = [] if target is None else [target, sidecar(target)]
    if isinstance(table, Path):
        own.append(table)
    found = find_files(root, table, own)
    names = found.names
    if not names:
        raise ValueError(
            f"There is no image in {root}{_listed(found.skipped)}. Give the folder "
            "that holds the images or the classes' subfolders."
        )
    failed: dict[str, str] = {}
    bar = 1 if verbose == "auto" else int(verbose)
    rows = read_rows(root, names, size, color_mode, failed, bar)
    with strict_pillow():
        if target is None:
            images = _stack(rows, len(names))
        else:
            key = cache_key(root, names, size, color_mode)
            images = cached_rows(target, key, rows, failed)

    read = [v not in failed for v in names]
    unreadable = found.skipped | failed
    classes = np.array(found.labels, "int32")[read]
    empty = [
        name for k, name in enumerate(found.class_names) if not (classes == k).any()
    ]
    if empty:
        raise ValueError(
            f"The classes {empty} have no image that can be read"
            f"{_listed(unreadable)}. Give each class an image, or remove its subfolder "
            "or its labels."
        )
    if unreadable:
        warnings.warn(
            f"{len(unreadable)} files in {root} are left out{_listed(unreadable)}. "
            "All are in `unreadable`.",
            stacklevel=2,
        )
    return FolderImages(
        images,
        classes,
        found.class_names,
        [name for name, is_read in zip(names, read, strict=True) if is_read],
        sorted(unreadable.items()),
    )


def _as_path(value: object, name: str, kind: str) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise ValueError(f"`{name}` must be the path of {kind}, got {describe(value)}.")
    return Path(value)


def _stack(rows, most: int) -> np.ndarray:
    """Return at most `most` arrays of one shape as one, without holding them twice."""
    images, count = np.empty(0), 0
    for row in rows:
        if count == 0:
            images = np.empty((most, *row.shape), "uint8")
        images[count] = row
        count += 1
    return images[:count]


def _listed(left_out: dict[str, str]) -> str:
    if not left_out:
        return ""
    reasons = [f"{name} ({reason})" for name, reason in sorted(left_out.items())]
    return f": {first_few(reasons)}"
