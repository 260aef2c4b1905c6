"""The closed-form M-step of an RMM."""

import numpy as np
from keras import ops

# The least probability of a state: a class or nuisance without rows stays possible.
LEAST_PROBABILITY = 1e-6
# A template with fewer rows than this is moved to where it is of use.
LEAST_ROWS = 1e-5


def m_step(model):
    r"""Set θ to the maximum of the expected ln p(I, c, g, a; θ) of a sweep.

    $$\mu_{cg} \mathrel{+}= S_{cg} / N_{cg1}, \qquad \sigma^2 = \frac{R -
    \sum_{cg} \|S_{cg}\|^2 / N_{cg1}}{N D}, \qquad \pi = \textrm{shares of } N$$

    in the sums of `RMMStatistics`, which are then forgotten; computed in float64. The
    algorithm's `step` is how much of the way parameters move there. σ² is at least the
    model's `variance_floor`. A template without rows moves to the row that its class
    explains worst, one of each class: it takes part in no row's evidence, so that none
    falls.

    Args:
        model: an `RMM` at the end of a sweep; without a sweep it stays as it is.

    Source: Patel, Nguyen, Baraniuk (2016), equations (1), (12) and section 3.3.
    """
    sums = model.statistics.read()
    counts, rows = sums["counts"], sums["counts"].sum()
    if rows == 0:
        return
    on = counts[..., :1]
    used = on >= LEAST_ROWS
    shifts = np.where(used, sums["deviations"] / np.where(used, on, 1), 0)
    variance = (sums["squares"] - np.sum(on * shifts**2)) / (rows * model.num_pixels)
    step = model.algorithm.step
    templates = ops.convert_to_numpy(model.templates).reshape(shifts.shape)
    templates = templates + step * shifts
    unused = ~used[..., 0]
    classes = np.flatnonzero(unused.any(axis=1)).tolist()
    for c, row in model.statistics.find_rows(classes).items():
        templates[c, unused[c].argmax()] = row
    model.templates.assign(templates.reshape(model.templates.shape))
    _move(model.noise_variance, max(variance, model.variance_floor), step)
    _move(model.class_prior, _probabilities(counts.sum(axis=(1, 2))), step)
    _move(model.nuisance_prior, _probabilities(counts.sum(axis=(0, 2))), step)
    if model.switch:
        on_or_off = _probabilities(counts.sum(axis=(0, 1)))
        _move(model.switch_prior, on_or_off[0], step)
    model.reset_statistics()


def _move(variable, value, step):
    """Move a variable `step` of the way to a value."""
    old = ops.convert_to_numpy(variable).astype("float64")
    variable.assign(old + step * (value - old))


def _probabilities(counts):
    """Return the shares of counts, none below `LEAST_PROBABILITY`."""
    shares = np.maximum(counts / counts.sum(), LEAST_PROBABILITY)
    return shares / shares.sum()
