"""How many rows of each class, and which."""

import numpy as np


def equal_counts(total: int, num_classes: int, rng: np.random.Generator) -> np.ndarray:
    """Divide `total` rows equally among the classes.

    If that leaves a remainder, some classes get one row more.

    Args:
        total: number of rows to divide.
        num_classes: number of classes.
        rng: decides which classes get one row more.

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
    """Divide `total` rows among the classes in proportion to their sizes.

    Args:
        total: number of rows to divide, at most the sum of `sizes`.
        sizes: number of rows that each class has, of shape (num_classes,).
        rng: decides between classes that are equally close to one row more.

    Returns:
        Number of rows of each class, its exact share rounded down or up, of shape
        (num_classes,).
    """
    counts, remainders = np.divmod(total * sizes, sizes.sum())
    closest_first = np.lexsort((rng.random(len(sizes)), -remainders))
    counts[closest_first[: total - counts.sum()]] += 1
    return counts


def choose_rows(
    labels: np.ndarray,
    candidates: np.ndarray,
    counts: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Choose random rows of each class without replacement.

    Args:
        labels: class of each row, of shape (n,).
        candidates: indices of the rows to choose from.
        counts: number of rows to choose from each class, of shape (num_classes,).
        rng: decides which rows are chosen.

    Returns:
        Sorted indices of the chosen rows.

    Raises:
        ValueError: a class has fewer candidates than its count.
    """
    chosen = []
    for label, count in enumerate(counts):
        members = candidates[labels[candidates] == label]
        if len(members) < count:
            raise ValueError(
                f"Class {label} has {len(members)} images to choose from, but {count} "
                "are asked for. Ask for fewer labels or a smaller validation set; the "
                "classes must be numbered from 0 without gaps."
            )
        chosen.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(chosen))
