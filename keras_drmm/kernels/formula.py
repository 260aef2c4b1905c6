"""Switch pooling in `keras.ops`: the definition that every backend's kernel obeys.

A feature map is cut into cells of `kh x kw` positions. `switch_pool` keeps each
cell's largest positive value and the row-major index of the position that holds it,
`unpool` puts values back at these positions, and `pick` reads the values at them. As
linear maps for fixed switches, `unpool` and `pick` are each other's transpose, so
each is the other's gradient, and `unpool` is also the gradient of `switch_pool`.

All three take maps whose rows and columns are multiples of the cell; `rows` is the
axis of the rows (1 for channels_last, 2 for channels_first), columns follow.
"""

import numpy as np
from keras import ops

OFF = -1
"""The switch of a cell in which nothing is rendered."""


def join_cells(x, rows):
    """Join the positions: (.., h, kh, w, kw, ..) -> (.., h * kh, w * kw, ..)."""
    shape = ops.shape(x)
    h, kh, w, kw = shape[rows : rows + 4]
    return ops.reshape(x, (*shape[:rows], h * kh, w * kw, *shape[rows + 4 :]))


def positions(x, cell, rows):
    """Yield (row-major index, the map of every cell's value at that position)."""
    kh, kw = cell
    for index in range(kh * kw):
        # Strided and not reshaped: LiteRT slices no more than five axes.
        at = [slice(None)] * 4
        at[rows], at[rows + 1] = (
            slice(index // kw, None, kh),
            slice(index % kw, None, kw),
        )
        yield index, x[tuple(at)]


def switch_pool(u, cell, rows, dtype="int8"):
    """Return (max(ReLU(u)), winner) of each cell; the winner is OFF where u <= 0.

    A strict comparison lets the first of equal values win. NaN wins its cell, the last
    of several, as in PyTorch's max-pool: it must not be hidden.

    Args:
        u: map of shape (B, H, W, C) or (B, C, H, W).
        cell: (kh, kw).
        rows: axis of the rows.
        dtype: of the switches.

    Returns:
        (pooled, switches) of shape (B, H/kh, W/kw, C) or (B, C, H/kh, W/kw).
    """
    candidates = positions(u, cell, rows)
    _, first = next(candidates)
    pooled = ops.relu(first)
    # So asked, as NaN is neither above 0 nor at most 0.
    switches = ops.where(first <= 0, ops.cast(OFF, dtype), ops.cast(0, dtype))
    for index, candidate in candidates:
        # NaN alone differs from itself; nothing is above it.
        wins = ops.logical_or(candidate > pooled, candidate != candidate)
        pooled = ops.where(wins, candidate, pooled)
        switches = ops.where(wins, ops.cast(index, dtype), switches)
    return pooled, switches


def unpool(z, switches, cell, rows):
    """Place z at each cell's winner, 0 elsewhere.

    Rows and columns are compared one after the other: two comparisons with one new
    axis each run several times faster than one with both (measured under XLA).

    NaN is placed as other values are. A backend's kernel may multiply by 0 and 1, and
    place it all over its cell.

    Args:
        z: map of shape (B, h, w, C) or (B, C, h, w).
        switches: map of the same shape.
        cell: (kh, kw).
        rows: axis of the rows.

    Returns:
        Map of shape (B, h * kh, w * kw, C) or (B, C, h * kh, w * kw).
    """
    kh, kw = cell
    if cell == (1, 1):
        return _mask(z, switches)
    zero = ops.zeros((), z.dtype)
    # OFF // kw = -1 (floor), which equals no row.
    row = ops.floor_divide(switches, ops.cast(kw, "int8"))
    column = switches - row * ops.cast(kw, "int8")
    column = ops.expand_dims(column, rows + 2)
    z = ops.expand_dims(z, rows + 2)
    # (.., h, w, 1, ..) -> (.., h, w, kw, ..)
    z = ops.where(column == _along(kw, rows + 2, len(z.shape)), z, zero)
    row = ops.expand_dims(ops.expand_dims(row, rows + 2), rows + 1)
    z = ops.expand_dims(z, rows + 1)
    # (.., h, 1, w, kw, ..) -> (.., h, kh, w, kw, ..)
    z = ops.where(row == _along(kh, rows + 1, len(z.shape)), z, zero)
    return join_cells(z, rows)


def pick(x, switches, cell, rows):
    """Read x at each cell's winner, 0 where the cell is OFF: the transpose of `unpool`.

    Args:
        x: map of shape (B, h * kh, w * kw, C) or (B, C, h * kh, w * kw).
        switches: map of shape (B, h, w, C) or (B, C, h, w).
        cell: (kh, kw).
        rows: axis of the rows.

    Returns:
        Map of the shape of `switches`.
    """
    if cell == (1, 1):
        return _mask(x, switches)
    zero = ops.zeros((), x.dtype)
    picked = zero
    for index, values in positions(x, cell, rows):
        picked = ops.where(switches == ops.cast(index, "int8"), values, picked)
    return picked


def argmax(x):
    """Return the index of the largest value along the last axis, of the first one."""
    return ops.argmax(x, axis=-1)


def max_pool(u, cell, data_format):
    """Return the largest value of each cell, as `MaxPooling2D(padding="same")` does."""
    return ops.max_pool(u, cell, cell, "same", data_format)


def _mask(x, switches):
    """Return x where it is on: all that cells of one position leave to do.

    A switch is 0 or OFF = -1 here. The product is ten times faster than `where`, which
    XLA on CPUs turns into a branch for each value.
    """
    return x * ops.cast(switches + ops.cast(1, "int8"), x.dtype)


def _along(size, axis, rank):
    """Return 0..size-1 as int8 along `axis` of a tensor of `rank` axes of size 1."""
    shape = [1] * rank
    shape[axis] = size
    # A NumPy constant: XLA within TensorFlow has no int8 `range`.
    return ops.convert_to_tensor(np.arange(size, dtype="int8").reshape(shape))
