"""The templates of levels alone, without offsets, normalisation and ReLU."""

import numpy as np
from keras import ops

from keras_drmm.analysis.grid import check_has
from keras_drmm.layers.arguments import standardize_integer

# Maps rendered at a time: those of the finest level may be large.
_ROWS = 32


def standardize_level(model, level):
    """Return the number of a level of a model, from 1, the finest."""
    check_has(model, levels="a `DRMM` or a factor model")
    level = standardize_integer(level, "level")
    if level > len(model.levels):
        raise ValueError(
            f"`level` must be from 1 to {len(model.levels)}, the number of the model's "
            f"levels, got {level}."
        )
    return level


def render_to_pixels(model, z, switches):
    """Return Λ_g^(1) ... Λ_g^(ℓ) z^(ℓ), a NumPy array (N, H, W, C).

    Args:
        model: a `DRMM` or a factor model.
        z: N maps of level ℓ, a NumPy array in the data format of the model.
        switches: g^(1..ℓ), NumPy arrays of N rows.
    """
    pairs = list(zip(model.levels, switches, strict=False))
    parts = []
    for start in range(0, len(z), _ROWS):
        rows = slice(start, start + _ROWS)
        part = ops.convert_to_tensor(z[rows])
        for level, given in reversed(pairs):
            given = np.ascontiguousarray(given[rows])
            part = level.render(part, ops.convert_to_tensor(given))
        parts.append(ops.convert_to_numpy(part).astype("float32"))
    return np.concatenate(parts)
