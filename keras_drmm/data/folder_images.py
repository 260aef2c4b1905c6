"""What is found in a folder of images."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class FolderImages:
    """The images of a folder, with their labels; `load_folder` creates it.

    Attributes:
        images: uint8 array of shape (n, height, width, channels), channels 1 or 3; with
            a cache, a read-only memory map.
        labels: int32 class of each image, of shape (n,), -1 for an unlabelled one.
        class_names: tuple of the classes' names; class k is `class_names[k]`.
        files: path of each image relative to the folder, a list of n strings with `/`
            between their parts.
        unreadable: list of (path, reason) of what is in the folder but not in `images`,
            sorted by path.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    files: list[str]
    unreadable: list[tuple[str, str]]
