"""Conjugate gradients: a linear system for each row of a batch."""

from keras import ops


def conjugate_gradients(matrix, b, steps):
    r"""Solve $M_n x_n = b_n$ for symmetric positive definite $M_n$, from x = 0.

    Exact after as many steps as M has different eigenvalues, up to rounding.

    Args:
        matrix: function that maps x (B, d) to the rows $M_n x_n$.
        b: (B, d), float32.
        steps: number of steps.

    Returns:
        x, (B, d).
    """
    x, residual = ops.zeros_like(b), b
    direction, norm = b, _dot(b, b)
    for _ in range(steps):
        image = matrix(direction)
        # A row that is solved has nothing left to divide.
        step = _ratio(norm, _dot(direction, image))
        x = x + step * direction
        residual = residual - step * image
        new_norm = _dot(residual, residual)
        direction = residual + _ratio(new_norm, norm) * direction
        norm = new_norm
    return x


def _dot(a, b):
    return ops.sum(a * b, axis=-1, keepdims=True)


def _ratio(a, b):
    return ops.where(b > 0, a / ops.where(b > 0, b, 1.0), 0.0)
