"""Scaling of whole image arrays."""

import numpy as np

from keras_drmm.data.images import check_images, scale_images


def to_unit_range(images: np.ndarray) -> np.ndarray:
    """Convert images to the form the models take.

    Args:
        images: Array of shape (n, height, width) or (n, height, width, channels).
            uint8 pixels (0 to 255) are divided by 255; float32 and float64 pixels
            must already lie within [0, 1].

    Returns:
        A new float32 array of shape (n, height, width, channels), with pixels from
        0 (black) to 1 (white). Images without a channel axis get one of length 1.

    Raises:
        ValueError: If the array is empty or has another rank, if its type is
            another one, or if float pixels are NaN or outside [0, 1].

    Example:
        >>> import numpy as np
        >>> from keras_drmm.data import to_unit_range
        >>> images = to_unit_range(np.full((2, 28, 28), 51, dtype="uint8"))
        >>> images.shape, float(images[0, 0, 0, 0])
        ((2, 28, 28, 1), 0.20000000298023224)
    """
    images = np.asarray(images)
    check_images(images)
    return scale_images(images)
