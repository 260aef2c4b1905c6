"""What the library accepts as images, and their scaling to [0, 1]."""

import numpy as np

# Rows checked at a time, so that the check of a large array (or of a file mapped
# into memory) needs little memory of its own.
BLOCK = 1024


def check_images(images: np.ndarray) -> None:
    """Raise an error unless `scale_images` can scale these images.

    Args:
        images: Array of shape (n, height, width) or (n, height, width, channels),
            either uint8, or float32 or float64 within [0, 1].

    Raises:
        ValueError: If the shape, the type or a value is another one.
    """
    if images.ndim not in (3, 4) or images.size == 0:
        raise ValueError(
            "Images must be a non-empty array of shape (n, height, width) or "
            f"(n, height, width, channels), but the shape is {images.shape}. "
            "Reshape the array, or add the missing axis with `images[None]`."
        )
    if images.dtype == np.uint8:
        return
    if images.dtype not in (np.float32, np.float64):
        raise ValueError(
            "Images must be uint8 (0 to 255), or float32 or float64 within [0, 1], "
            f"but they are {images.dtype}. Convert them with "
            "`images.astype('uint8')` if they hold the integers 0 to 255, otherwise "
            "scale them to [0, 1] as float32."
        )
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK]
        low, high = block.min(), block.max()
        # Written so that NaN, for which every comparison is false, fails too.
        if not (low >= 0 and high <= 1):
            raise ValueError(
                "Float images must lie within [0, 1] without NaN, but images "
                f"{start} to {start + len(block) - 1} range from {low} to {high}. "
                "Divide them by their largest possible value (255 for 8-bit "
                "images), or pass the images as uint8."
            )


def scale_images(images: np.ndarray) -> np.ndarray:
    """Scale images that passed `check_images`.

    Args:
        images: Array of shape (n, height, width) or (n, height, width, channels).

    Returns:
        A float32 array of shape (n, height, width, channels) within [0, 1].
    """
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype == np.uint8:
        return np.divide(images, 255, dtype="float32")
    return images.astype("float32")
