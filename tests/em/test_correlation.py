"""Correlations by Fourier transform against sums over shifted slices."""

import numpy as np
import pytest
from keras import ops

from keras_drmm.em.correlation import correlate


def direct(u, v, down, right):
    result = np.zeros((len(down), len(right), u.shape[3], v.shape[3]))
    for i, j in np.ndindex(len(down), len(right)):
        d, e = down[i], right[j]
        for row, column in np.ndindex(u.shape[1:3]):
            if 0 <= row + d < v.shape[1] and 0 <= column + e < v.shape[2]:
                result[i, j] += u[:, row, column].T @ v[:, row + d, column + e]
    return result


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("sizes", "others", "down", "right"),
    [
        ((6, 5), (6, 5), range(-2, 3), range(-1, 2)),
        ((6, 5), (8, 7), range(3), range(3)),
        ((1, 7), (1, 7), range(1), range(-3, 4)),
        ((1, 1), (1, 1), range(1), range(1)),
    ],
)
def test_equals_direct_sums(sizes, others, down, right):
    rng = np.random.default_rng(0)
    u = rng.normal(size=(4, *sizes, 3)).astype("float32")
    v = rng.normal(size=(4, *others, 2)).astype("float32")
    found = ops.convert_to_numpy(
        correlate(*map(ops.convert_to_tensor, (u, v)), down, right)
    )
    expected = direct(np.float64(u), np.float64(v), down, right)
    np.testing.assert_allclose(found, expected, atol=1e-4)
