"""MeasuredLevel: what an M-step may come back to, and how it uses unused templates."""

from dataclasses import dataclass
from typing import Any

import numpy as np

# A template with less than this share of the most used one's energy is of no use.
UNUSED = 1e-6
# How far the halves of a split template go apart, relative to its norm.
APART = 0.1


@dataclass(frozen=True)
class MeasuredLevel:
    """Γ, α and b of a level that were measured, and the change to try, as arrays.

    Attributes:
        kernel, alpha, bias: Γ (kh, kw, C, filters), α and b.
        kernel_change, alpha_change: what an M-step would add.
        energy: Σ φ² of what each template was weighted with, (filters,).
    """

    kernel: Any
    alpha: Any
    bias: Any
    kernel_change: Any
    alpha_change: Any
    energy: Any


def split_unused(levels, top, top_change, may_split):
    """Let unused templates take over half of the most used ones, in place.

    The unused one becomes a copy, with its bias, and what weights the two from above
    is halved: matches above and images stay as they were. Their changes differ, so that
    M-steps drive them apart.

    Args:
        levels: `MeasuredLevel`s, the finest first.
        top: templates on top, (positions * filters, columns).
        top_change: their change.
        may_split: whether each level and what weights its templates may change.
    """
    for number, level in enumerate(levels):
        if not may_split[number]:
            continue
        energy, filters = level.energy.copy(), len(level.energy)
        if number + 1 < len(levels):
            above = levels[number + 1]
            weights = [
                *(np.moveaxis(v, 2, 0) for v in (above.kernel, above.kernel_change)),
                *(np.moveaxis(v, -1, 0) for v in (above.alpha, above.alpha_change)),
            ]
        else:
            shape = (-1, filters, top.shape[1])
            weights = [np.moveaxis(v.reshape(shape), 1, 0) for v in (top, top_change)]
        for unused in np.flatnonzero(energy <= UNUSED * energy.max()):
            used = int(np.argmax(energy))
            if not energy[used] > 0:
                return
            energy[used] = energy[unused] = energy[used] / 2
            for array in (level.kernel, level.kernel_change):
                array[..., unused] = array[..., used]
            level.bias[unused] = level.bias[used]
            for weight in weights:
                # Views: a row of what stands above for each template here.
                weight[used] /= 2
                weight[unused] = weight[used]
            template = level.kernel[..., used]
            aside = np.random.default_rng(unused).normal(size=template.shape)
            aside *= APART * np.linalg.norm(template) / np.linalg.norm(aside)
            level.kernel_change[..., used] += aside
            level.kernel_change[..., unused] -= aside
