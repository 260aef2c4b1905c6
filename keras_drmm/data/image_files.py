"""Image files, read by Pillow."""

import hashlib
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import PIL
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from keras_drmm.data.folder_files import first_few

# Pillow would run other programs for some other formats.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")

# Modes of Pillow.
_DEEP_GREY = ("I;16", "I;16B")
_GREY = ("1", "L", "LA")
_COLOUR = ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")

# Tags of TIFF.
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
_WHITE_IS_ZERO = 0


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Let Pillow refuse truncated and too large images, whatever its settings."""
    tolerant = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = tolerant


def cache_key(
    root: Path, names: list[str], size: tuple[int, int] | None, color_mode: str
) -> dict[str, Any]:
    """Return what the arrays of `read_rows` depend on, of types that JSON has.

    Names, sizes and times of the files are summed up, so that the memory they take does
    not grow with their number.
    """
    digest = hashlib.sha256()
    for name in names:
        status = (root / name).stat()
        # No path holds a zero byte.
        line = f"\0{status.st_size}\0{status.st_mtime_ns}\0"
        digest.update(os.fsencode(name) + line.encode())
    return {
        "path": str(root.resolve()),
        "files": len(names),
        "sha256": digest.hexdigest(),
        "image_size": None if size is None else list(size),
        "color_mode": color_mode,
        "pillow": PIL.__version__,
        "largest": Image.MAX_IMAGE_PIXELS,
    }


def read_rows(
    root: Path,
    names: list[str],
    size: tuple[int, int] | None,
    color_mode: str,
    failed: dict[str, str],
    verbose: int,
) -> Iterator[np.ndarray]:
    """Read images one by one, within `strict_pillow`.

    Args:
        root: the folder.
        names: paths of the images, relative to it.
        size: (height, width), or None: all must be of one size.
        color_mode: see `load_folder`.
        failed: gets {path: reason} of the images that cannot be read.
        verbose: as of `keras.utils.Progbar`.

    Yields:
        uint8 arrays of shape (height, width, channels), all of one shape.

    Raises:
        ValueError: no image can be read, or `size` is None and two differ in size.
    """
    if color_mode == "auto":
        is_colour = any(_has_colour(root / name) for name in names)
        color_mode = "rgb" if is_colour else "grayscale"
    progress = keras.utils.Progbar(len(names), verbose=verbose, unit_name="file")
    first = None
    for done, name in enumerate(names, start=1):
        try:
            image = read_image(root / name)
        # Damaged files make Pillow raise errors of many types.
        except Exception as error:
            failed[name] = _reason(error)
        else:
            first = first or (name, image.size)
            if size is None and image.size != first[1]:
                raise ValueError(
                    "Images must be of one size unless they are resized, but (height, "
                    f"width) is {first[1][::-1]} of {first[0]} and {image.size[::-1]} "
                    f"of {name}. Pass `image_size=(height, width)` to resize all "
                    "images to that size."
                )
            yield _as_array(image, size, color_mode)
        progress.update(done)
    if first is None:
        raise ValueError(
            f"None of the {len(names)} images in {root} can be read: "
            f"{first_few([f'{name} ({failed[name]})' for name in names])}. Mend the "
            "files."
        )


def read_image(path: Path) -> Image.Image:
    """Read a whole image as `load_folder` describes it, at its own size.

    Args:
        path: of the file.

    Returns:
        An image of Pillow's mode L if it is stored as grey, else of mode RGB.

    Raises:
        Exception: the file cannot be read.
    """
    if path.stat().st_size == 0:
        raise ValueError("the file is empty")
    with path.open("rb") as file:
        with Image.open(file, formats=FORMATS) as image:
            # Compares the checksums of PNG, which reading its pixels does not.
            image.verify()
        with Image.open(file, formats=FORMATS) as image:
            return _to_8_bits(image)


def _to_8_bits(stored: ImageFile.ImageFile) -> Image.Image:
    """Return an image that is not loaded yet in mode L or RGB."""
    mode, key = stored.mode, stored.info.get("transparency")
    if mode not in (*_DEEP_GREY, *_GREY, *_COLOUR):
        raise ValueError(
            f"pixels of Pillow's mode {mode} are not read; store them with 8 bits a "
            "channel, or as grey with 16"
        )
    # Pillow looks for the 16-bit key among the upper 8 bits.
    if key is not None and [tile[3] for tile in stored.tile] == ["RGB;16B"]:
        raise ValueError(
            "one of its 16-bit colours is transparent; store an alpha channel instead"
        )
    tags = getattr(stored, "tag_v2", {})
    image = ImageOps.exif_transpose(stored)
    if mode in _DEEP_GREY:
        return Image.fromarray(_scale_deep_grey(np.asarray(image), key, tags))
    if image.has_transparency_data:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image.convert("RGBA"))
    return image.convert("L" if mode in _GREY else "RGB")


def _scale_deep_grey(
    levels: np.ndarray, key: int | None, tags: Mapping[int, Any]
) -> np.ndarray:
    """Scale grey levels of more than 8 bits to uint8, rounding to the nearest.

    Args:
        levels: array of uint16.
        key: the transparent level, or None.
        tags: of a TIFF file, else empty.
    """
    (bits,) = tags.get(_BITS_PER_SAMPLE, (16,))
    highest = 2**bits - 1
    scaled = (levels.astype("uint32") * 255 + highest // 2) // highest
    # Pillow inverts such images of 8 bits, but not those of 16.
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        scaled = 255 - scaled
    return np.where(levels == key, 0, scaled).astype("uint8")


def _has_colour(path: Path) -> bool:
    """Return whether red, green and blue differ at a pixel of a readable image."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.mode in (*_GREY, *_DEEP_GREY):
                return False
        pixels = np.asarray(read_image(path))
    except Exception:  # read_rows tells why.
        return False
    return bool((pixels[..., 1:] != pixels[..., :1]).any())


def _as_array(
    image: Image.Image, size: tuple[int, int] | None, color_mode: str
) -> np.ndarray:
    """Return an image as uint8 array of shape (height, width, channels)."""
    image = image.convert("L" if color_mode == "grayscale" else "RGB")
    if size is not None:
        # Pillow's size is (width, height).
        image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"it does not begin as a whole {', '.join(FORMATS)} file does"
    return str(error) or type(error).__name__
