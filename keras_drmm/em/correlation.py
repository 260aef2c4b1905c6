"""Sums of products of two feature maps at every shift of one against the other."""

import numpy as np
from keras import ops


def correlate(u, v, down, right):
    r"""Correlate maps, summed over a batch, for a window of shifts.

    $$R_{d, c, c'} = \sum_{n, y} u_{n, y, c}\, v_{n, y + d, c'}$$

    By the discrete Fourier transform, where a correlation is a product: the cost is
    that of a product of channels at each frequency, whatever the number of shifts. The
    transforms are products with matrices of cosines and sines: maps are small, and
    these need no complex numbers.

    Args:
        u: (B, H, W, C).
        v: (B, H', W', C').
        down: range of the shifts along rows.
        right: range of the shifts along columns.

    Returns:
        (len(down), len(right), C, C').
    """
    # Long enough that no shift wraps around onto other values.
    rows, columns = (
        max(u.shape[axis] + max(shifts[-1], -shifts[0]), v.shape[axis] - shifts[0])
        for axis, shifts in ((1, down), (2, right))
    )
    # Of a real map the other half of the frequencies says the same.
    half = columns // 2 + 1
    u_real, u_imaginary = _transform(u, rows, columns, half)
    if v is u:
        v_real, v_imaginary = u_real, u_imaginary
    else:
        v_real, v_imaginary = _transform(v, rows, columns, half)
    # conj(û) v̂, summed over the batch: (F, 2 B, C) and (F, 2 B, C') -> (F, C, C')
    u_parts = ops.concatenate([u_real, u_imaginary], axis=1)
    real, imaginary = (
        ops.einsum("fbc,fbd->fcd", u_parts, ops.concatenate(v_parts, axis=1))
        for v_parts in ((v_real, v_imaginary), (v_imaginary, -v_real))
    )

    # Back, for the shifts wanted alone.
    q, p = np.divmod(np.arange(rows * half), rows)
    d, e = (axis.ravel() for axis in np.meshgrid(down, right, indexing="ij"))
    angle = 2 * np.pi * (np.outer(d, p) / rows + np.outer(e, q) / columns)
    # A frequency whose mirror image was left out counts twice.
    mirrored = (q > 0) & (2 * q < columns)
    weight = (1.0 + mirrored) / (rows * columns)
    channels = (u.shape[3], v.shape[3])
    spectrum = ops.concatenate([real, imaginary], axis=0)
    shifted = ops.matmul(
        _constant(np.hstack([weight * np.cos(angle), -weight * np.sin(angle)])),
        ops.reshape(spectrum, (2 * rows * half, channels[0] * channels[1])),
    )
    return ops.reshape(shifted, (len(down), len(right), *channels))


def _transform(x, rows, columns, half):
    """Transform maps (B, H, W, C) to real and imaginary parts (half * rows, B, C).

    Each step is a product of a small matrix with a wide one.
    """
    height, width, channels = x.shape[1:]
    # (B, H, W, C) -> (W, H * B * C) -> (2 * half, H, B * C)
    x = ops.reshape(ops.transpose(x, (2, 1, 0, 3)), (width, -1))
    angle = 2 * np.pi * np.outer(np.arange(half), np.arange(width)) / columns
    x = ops.matmul(_constant(np.vstack([np.cos(angle), -np.sin(angle)])), x)
    x = ops.reshape(x, (2 * half, height, -1))
    # -> (2 * half, 2 * rows, B * C)
    angle = 2 * np.pi * np.outer(np.arange(rows), np.arange(height)) / rows
    x = ops.matmul(_constant(np.vstack([np.cos(angle), np.sin(angle)])), x)
    real, imaginary = x[:half], x[half:]
    parts = (
        real[:, :rows] + imaginary[:, rows:],
        imaginary[:, :rows] - real[:, rows:],
    )
    # -> (half * rows, B, C)
    return tuple(ops.reshape(v, (half * rows, -1, channels)) for v in parts)


def _constant(x):
    return ops.convert_to_tensor(np.asarray(x, "float32"))
