"""ShiftAndMirror: moves and mirrors the images of a batch."""

import numpy as np

from keras_drmm.layers.arguments import standardize_boolean, standardize_integer


class ShiftAndMirror:
    """Moves images by a few pixels and mirrors them, as `semi_supervised` can do.

    What leaves an image on one side is replaced by its reflection on the other, so that
    no border shows. A row is mirrored in every second epoch, half of the rows in the
    even ones: in two epochs each image is seen both ways, which independent draws leave
    to chance.

    Args:
        shift: largest number of pixels, up, down and to either side.
        mirror: whether images are mirrored left to right.

    Raises:
        ValueError: an argument is out of range.

    Example:

    >>> x, y = np.random.rand(40, 8, 8, 3), np.arange(40) % 2
    >>> augment = keras_drmm.data.ShiftAndMirror(shift=2)
    >>> dataset = keras_drmm.data.semi_supervised(x, y, 10, augment=augment)
    >>> dataset[0][0].shape
    (40, 8, 8, 3)

    Source: Keller Jordan (2024), 94% on CIFAR-10 in 3.29 seconds, for mirroring that
    alternates.
    """

    def __init__(self, shift: int = 2, mirror: bool = True) -> None:
        self.shift = standardize_integer(shift, "shift", minimum=0)
        self.mirror = standardize_boolean(mirror, "mirror")

    def __call__(
        self,
        images: np.ndarray,
        rows: np.ndarray,
        epoch: int,
        random: np.random.Generator,
    ) -> np.ndarray:
        """Return moved and mirrored images.

        Args:
            images: (B, H, W, C).
            rows: (B,), the number of each image in its data set.
            epoch: number of the epoch, from 0.
            random: draws the moves.

        Raises:
            ValueError: `shift` is no less than a side of the images.
        """
        _, height, width, _ = images.shape
        if self.shift >= min(height, width):
            raise ValueError(
                f"`shift` must be less than a side of the images, {height}x{width}, "
                f"got {self.shift}."
            )
        if self.mirror:
            # Knuth's multiplicative hash: neighbouring rows differ.
            bits = (rows.astype("uint32") * np.uint32(2654435761)) >> np.uint32(31)
            is_mirrored = (bits + epoch) % 2 == 1
            mirrored = images[:, :, ::-1]
            images = np.where(is_mirrored[:, None, None, None], mirrored, images)
        if self.shift:
            edge = (self.shift, self.shift)
            padded = np.pad(images, ((0, 0), edge, edge, (0, 0)), mode="reflect")
            windows = np.lib.stride_tricks.sliding_window_view(
                padded, (height, width), axis=(1, 2)
            )
            down, right = random.integers(0, 2 * self.shift + 1, (2, len(images)))
            # (B, C, H, W) -> (B, H, W, C)
            moved = windows[np.arange(len(images)), down, right].transpose(0, 2, 3, 1)
            images = np.ascontiguousarray(moved)
        return images
