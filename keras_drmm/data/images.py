"""The images that data sets are made of, and their scaling to [0, 1]."""

import numpy as np

from keras_drmm.layers.arguments import as_array

# Rows checked at a time, so that checking a large array, or a file mapped into memory,
# needs little memory of its own.
BLOCK = 1024


def to_unit_range(images: np.ndarray) -> np.ndarray:
    """Convert images to the form that models take.

    Args:
        images: array of shape (n, height, width) or (n, height, width, channels).
            uint8 pixels (0 to 255) are divided by 255; float32 and float64 pixels must
            already be within [0, 1].

    Returns:
        A new float32 array of shape (n, height, width, channels), with pixels from 0
        (black) to 1 (white). Images without a channel axis get one of length 1.

    Raises:
        ValueError: the array is empty, has another rank or another type, or holds float
            pixels that are NaN or outside [0, 1].

    Example:

    >>> images = keras_drmm.data.to_unit_range(np.full((2, 28, 28), 51, dtype="uint8"))
    >>> images.shape, float(images[0, 0, 0, 0])
    ((2, 28, 28, 1), 0.20000000298023224)
    """
    images = as_array(images, "images")
    check_raw_images(images)
    return scale_images(images)


def check_raw_images(images: np.ndarray) -> None:
    """Raise unless `scale_images` can scale these images.

    Args:
        images: array of shape (n, height, width) or (n, height, width, channels),
            either uint8, or float32 or float64 within [0, 1].

    Raises:
        ValueError: the images have another shape, type or range.
    """
    if images.ndim not in (3, 4) or images.size == 0:
        raise ValueError(
            "Images must be a non-empty array of shape (n, height, width) or "
            f"(n, height, width, channels), got shape {images.shape}. Reshape the "
            "array, or add the missing axis with `images[None]`."
        )
    if images.dtype == np.uint8:
        return
    if images.dtype not in (np.float32, np.float64):
        raise ValueError(
            "Images must be uint8 (0 to 255), or float32 or float64 within [0, 1], got "
            f"{images.dtype}. Convert integers from 0 to 255 with "
            "`images.astype('uint8')`, bools with `images.astype('float32')`, and "
            "scale others to [0, 1] as float32."
        )
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK]
        low, high = block.min(), block.max()
        # NaN fails, too, because every comparison with it is false.
        if not (low >= 0 and high <= 1):
            raise ValueError(
                "Float images must be within [0, 1] without NaN, but images "
                f"{start} to {start + len(block) - 1} range from {low} to {high}. "
                "Divide them by their largest possible value (255 for 8-bit images), "
                "or pass the images as uint8."
            )


def scale_images(images: np.ndarray) -> np.ndarray:
    """Scale images that `check_raw_images` accepts.

    Args:
        images: array of shape (n, height, width) or (n, height, width, channels).

    Returns:
        A float32 array of shape (n, height, width, channels) within [0, 1].
    """
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype == np.uint8:
        return np.divide(images, 255, dtype="float32")
    return images.astype("float32")
