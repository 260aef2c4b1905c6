"""Random draws of rows, class by class."""

import numpy as np


def equal_counts(total: int, num_classes: int, rng: np.random.Generator) -> np.ndarray:
    """Share out `total` equally; if it is not divisible, some classes get 1 more.

    Args:
        total: Number of rows to share out.
        num_classes: Number of classes.
        rng: Decides which classes get 1 more.

    Returns:
        Number of rows of each class, of shape (num_classes,).
    """
    count, extra = divmod(total, num_classes)
    counts = np.full(num_classes, count)
    counts[rng.permutation(num_classes)[:extra]] += 1
    return counts


def stratified_counts(
    total: int, sizes: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Share out `total` in proportion to the sizes of the classes.

    Args:
        total: Number of rows to share out, at most the sum of `sizes`.
        sizes: Number of rows that each class has, of shape (num_classes,).
        rng: Decides between classes that are equally close to 1 more row.

    Returns:
        Number of rows of each class: its exact share rounded down or up, of shape
        (num_classes,).
    """
    counts, remainders = np.divmod(total * sizes, sizes.sum())
    closest_first = np.lexsort((rng.random(len(sizes)), -remainders))
    counts[closest_first[: total - counts.sum()]] += 1
    return counts


def draw_rows(
    labels: np.ndarray,
    candidates: np.ndarray,
    counts: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw rows of each class without replacement.

    Args:
        labels: Class of each row, of shape (n,).
        candidates: Indices of the rows to draw from.
        counts: Number of rows to draw of each class, of shape (num_classes,).
        rng: Decides which rows are drawn.

    Returns:
        Sorted indices of the drawn rows.

    Raises:
        ValueError: If a class has fewer candidates than its count.
    """
    drawn = []
    for label, count in enumerate(counts):
        members = candidates[labels[candidates] == label]
        if len(members) < count:
            raise ValueError(
                f"Class {label} has {len(members)} images to draw labelled rows from, "
                f"but {count} are asked for. Ask for fewer labels or a smaller "
                "validation set; the classes must be numbered from 0 without gaps."
            )
        drawn.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(drawn))
