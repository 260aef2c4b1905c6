"""What kernels of batch normalisation add where replicas share a batch.

`shared_batch_normalization(x, gamma, beta, epsilon, around, total)` normalises the rows
of one replica, a channels_last float32 map, by the moments of all replicas' rows. Its
arguments are those of `batch_normalization` and

- around: (C,), equal on all replicas and near the mean, as the running one is;
- total: a function that sums a tensor over the replicas. It is called once forward and
  once backward: in a message each waits for the slowest.

It returns (y, mean, variance) as `batch_normalization` does.
"""

from keras import ops


def shared_moments(places, mean, variance, around, total):
    """Return (number of elements, mean, variance) of all replicas' rows.

    Squares are summed around a number near the mean, so that they keep their digits.

    Args:
        places: number of elements of a channel on this replica.
        mean: (C,), of this replica.
        variance: (C,), likewise, without Bessel's correction.
        around: see above.
        total: see above.
    """
    offset = mean - around
    sums = [ops.ones_like(mean), offset, variance + ops.square(offset)]
    sums = total(ops.stack(sums) * ops.cast(places, mean.dtype))
    elements, offset = sums[0], sums[1] / sums[0]
    variance = ops.maximum(sums[2] / elements - ops.square(offset), 0.0)
    return elements, around + offset, variance


def gradient_parts(gamma, mean, variance, epsilon, along, level):
    r"""Return (a, b, c) of the gradient dx = a dy + b x + c.

    $$dx = \frac{\gamma}{\sigma} \left(dy - \overline{dy} - \hat{x} \overline{dy
    \hat{x}}\right), \quad \hat{x} = \frac{x - \mu}{\sigma}, \quad \sigma^2 =
    \textrm{variance} + \epsilon$$

    Args:
        gamma: (C,), what a normalised map is multiplied by.
        mean: (C,), μ.
        variance: (C,).
        epsilon: added to the variance.
        along: (C,), the mean over all replicas' rows of dy x̂.
        level: (C,), the mean of dy.
    """
    inverse = ops.rsqrt(variance + epsilon)
    scale, slope = gamma * inverse, -gamma * ops.square(inverse) * along
    return scale, slope, -scale * level - slope * mean
