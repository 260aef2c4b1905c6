"""Brute force: every (c, t, a) of a small DRMM, rendered by explicit sums in NumPy.

Nothing of keras_drmm is used. Maps are channels_last, convolutions have stride 1 and
"valid" or "same" padding, and a template has one value a channel (mean pooling).
"""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np


@dataclass
class SmallLevel:
    """Γ (kh, kw, C_below, C), bias b (C,), pool size and padding of a level."""

    kernel: np.ndarray
    bias: np.ndarray
    cell: int
    padding: str


def render(level, z):
    """Add every template, weighted by z (H', W', C), at every position."""
    kh, kw, channels, _ = level.kernel.shape
    height, width, _ = z.shape
    canvas = np.zeros((height + kh - 1, width + kw - 1, channels))
    for row, column, channel in np.ndindex(z.shape):
        canvas[row : row + kh, column : column + kw] += (
            z[row, column, channel] * level.kernel[..., channel]
        )
    if level.padding == "valid":
        return canvas
    top, left = (kh - 1) // 2, (kw - 1) // 2
    return canvas[top : top + height, left : left + width]


@cache
def all_switches(height, width, channels, cell):
    """Every choice of OFF or one position for each cell and channel.

    Returns:
        Masks at the fine grid, (N, height * cell, width * cell, channels), 1 at the
        chosen positions, N = (1 + cell²)^(height width channels).
    """
    alone = [np.zeros((cell, cell))]
    for position in np.ndindex(cell, cell):
        alone.append(np.zeros((cell, cell)))
        alone[-1][position] = 1
    masks = []
    for choice in itertools.product(alone, repeat=height * width * channels):
        mask = np.array(choice).reshape(height, width, channels, cell, cell)
        # (h, w, C, cell, cell) -> (h, cell, w, cell, C) -> fine grid
        mask = mask.transpose(0, 3, 1, 4, 2)
        masks.append(mask.reshape(height * cell, width * cell, channels))
    return np.array(masks)


def renderings(level, z):
    """Yield (score of the biases, rendered map below) of every switch of a level."""
    fine = z.repeat(level.cell, axis=0).repeat(level.cell, axis=1)
    masks = all_switches(*z.shape, level.cell)
    unpooled = masks * fine
    # Rendering is linear: one explicit rendering for each fine position.
    units = np.eye(fine.size).reshape(fine.size, *fine.shape)
    matrix = np.array([render(level, unit) for unit in units])
    below = np.tensordot(unpooled.reshape(len(masks), -1), matrix, axes=1)
    return (unpooled * level.bias).sum(axis=(1, 2, 3)), below


def configurations(levels, z):
    """Return bias scores (N,) and images (N, H, W, C0) that z renders under all g."""
    *finer, coarsest = levels
    scores, maps = renderings(coarsest, z)
    if not finer:
        return scores, maps
    below = [configurations(finer, z_below) for z_below in maps]
    return (
        np.concatenate([s + b[0] for s, b in zip(scores, below, strict=True)]),
        np.concatenate([b[1] for b in below]),
    )


def best_of_all(image, levels, templates, log_prior, top_size):
    """Return what max-sum maximises (8), (41), for each class, and the best images.

    The score of (c, g) is <z^(0), I> + Σ_ℓ <unpooled z^(ℓ), b^(ℓ)> + ln π_c with
    z^(L) = μ_c / (positions of the top map), as ⟨·,·⟩ is a mean there.

    Returns:
        (scores (K,), images (K, H, W, C0) rendered by the best g of each class, of
        z^(L) = μ_c).
    """
    scores, images = [], []
    for template, log_pi in zip(templates.T, log_prior, strict=True):
        z = np.broadcast_to(template, (*top_size, len(template)))
        biases, rendered = configurations(levels, z)
        matches = np.tensordot(rendered, image, axes=3) + biases
        best = np.argmax(matches)
        scores.append(matches[best] / np.prod(top_size) + log_pi)
        images.append(rendered[best])
    return np.array(scores), np.array(images)
