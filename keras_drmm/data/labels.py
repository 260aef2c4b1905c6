"""What the library accepts as labels."""

import numpy as np


def check_labels(labels: np.ndarray, num_images: int) -> np.ndarray:
    """Check labels and bring them to one form.

    Args:
        labels: Integer class numbers of shape (n,) or (n, 1), -1 for unlabelled rows.
        num_images: Number of images, which n must equal.

    Returns:
        The labels as int32, of shape (n,).

    Raises:
        ValueError: If the labels are of another form, number or range.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"Labels must be integers, but they are {labels.dtype}. Convert them "
            "with `y.astype('int32')`, or one-hot labels with `y.argmax(axis=1)`."
        )
    if labels.shape not in ((labels.size,), (labels.size, 1)):
        raise ValueError(
            "Labels must be of shape (n,) or (n, 1), but the shape is "
            f"{labels.shape}. Convert one-hot labels with `y.argmax(axis=1)`."
        )
    if labels.size != num_images:
        raise ValueError(
            f"There are {num_images} images but {labels.size} labels. Pass one label "
            "for each image, -1 where there is none."
        )
    if labels.min() < -1:
        raise ValueError(
            f"Label {labels.min()} is out of range. Number the classes from 0, and "
            "mark unlabelled rows with -1."
        )
    return labels.reshape(-1).astype("int32")
