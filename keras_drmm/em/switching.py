"""HardSwitching, SoftSwitching: the nuisances of a level in the E-steps of EM."""

import itertools

import numpy as np
from keras import ops

from keras_drmm.kernels.formula import join_cells
from keras_drmm.layers.geometry import crop, pad


class HardSwitching:
    """One position, or OFF, for each location and channel: the layers' own switches.

    `SoftSwitching` has the same methods for the switches that its `bottom_up` returns.
    """

    is_soft = False

    def unpool(self, level, z, switches):
        """Return the unpooled z that the level renders, (B, H', W', filters)."""
        return level.pool.unpool(z, switches)

    def adjoint(self, level, x, switches):
        """Return Λᵀ x, the transpose of unpooling and rendering."""
        return level.render.adjoint(x, switches)

    def count(self, prior, switches, sample_weight=None):
        """Return how many rows have each state, (1 + positions, h, w, filters)."""
        return prior.count(switches, sample_weight)

    def covariance(self, z, switches):
        """Return None: what is certain has no covariance."""

    def variance(self, level, z, switches, sizes):
        """Return how much what the level renders varies, a number a row or 0."""
        return 0.0


class SoftSwitching:
    r"""Probabilities of all positions and of OFF, for each location and channel.

    $$q(t) \propto e^{u(t) / T}, \qquad q(\textrm{OFF}) \propto 1$$

    from the matches u of a cell, cells being independent (mean field). A level passes
    the expected match $\sum_t q(t) u(t)$ on and renders the expected unpooled map. For
    T -> 0 these are MaxPool(ReLU(u)) and the map of `HardSwitching`.

    The switches are q, (B, h, w, filters, 1 + positions), OFF first.

    Args:
        posterior: of a `keras_drmm.learning.EM`, which shares scores out.
    """

    is_soft = True

    def __init__(self, posterior):
        self.posterior = posterior

    def bottom_up(self, level, message):
        """Return (I^(ℓ), q) of a level's message below, as `Level.bottom_up` does."""
        u = level.match(message)
        # Positions that padding added to a cell never win.
        inside = _cells(level.pool, ops.ones((1, *u.shape[1:3], 1))) > 0
        u = _cells(level.pool, u)
        scores = ops.where(inside, u, -1e30)
        off = ops.zeros_like(scores[..., :1])
        _, shares = self.posterior(ops.concatenate([off, scores], axis=-1))
        return ops.sum(shares[..., 1:] * u, axis=-1), shares

    def unpool(self, level, z, switches):
        return _join(level.pool, ops.expand_dims(z, -1) * switches[..., 1:])

    def adjoint(self, level, x, switches):
        u = _cells(level.pool, level.conv.match(x))
        return ops.sum(switches[..., 1:] * u, axis=-1)

    def count(self, prior, switches, sample_weight=None):
        if sample_weight is not None:
            weights = ops.reshape(sample_weight, (-1, 1, 1, 1, 1))
            switches = ops.multiply(weights, switches)
        return ops.transpose(ops.sum(switches, axis=0), (3, 0, 1, 2))

    def covariance(self, z, switches):
        r"""Return the covariance of the unpooled map within cells, summed over a batch.

        $$\sum_n z^2 (q(t) \delta_{t t'} - q(t) q(t'))$$

        Returns:
            (h, w, filters, positions, positions).
        """
        # Differences of near equals: half precision has too few bits for them.
        on, z = (ops.cast(v, "float32") for v in (switches[..., 1:], z))
        weighted = ops.expand_dims(ops.square(z), -1) * on
        alone = ops.expand_dims(ops.sum(weighted, axis=0), -1)
        together = ops.einsum("bhwct,bhwcs->hwcts", weighted, on)
        return alone * ops.eye(on.shape[-1], dtype="float32") - together

    def variance(self, level, z, switches, sizes):
        r"""Return $E\|\Lambda_g z - E \Lambda_g z\|^2$ of each row, (B,).

        With the products $A_{t t'} = \langle \Gamma_t, \Gamma_{t'} \rangle$ of a
        template at two positions of its cell, as far as they lie in the image:
        $\sum z^2 (\sum_t q_t A_{tt} - \sum_{t t'} q_t q_{t'} A_{t t'})$.
        """
        # As in `covariance`.
        on, z = (ops.cast(v, "float32") for v in (switches[..., 1:], z))
        products = _products(level, sizes)
        alone = ops.sum(on * ops.diagonal(products, axis1=3, axis2=4), axis=-1)
        together = ops.sum(on * ops.einsum("bhwct,hwcts->bhwcs", on, products), axis=-1)
        return ops.sum(ops.square(z) * (alone - together), axis=(1, 2, 3))


def _products(level, sizes):
    """Return the products of templates at the positions of a cell, (h, w, F, P, P).

    The product of a template with itself, shifted, is a kernel that is matched with
    the image's pixels, all 1: so pixels that padding cut off count for nothing.
    """
    conv, cell = level.conv, level.pool.pool_size
    kernel = ops.cast(conv.kernel, "float32")
    ones = pad(ops.ones((1, *sizes, 1)), conv.windows.paddings(sizes), 1)
    maps = {}
    for d in itertools.product(*(range(1 - length, length) for length in cell)):
        shifted = _shift(kernel, np.multiply(d, conv.strides))
        # (kh, kw, C, F) -> (kh, kw, 1, F)
        product = ops.sum(kernel * shifted, axis=2, keepdims=True)
        maps[d] = _cells(level.pool, ops.conv(ones, product, conv.strides, "valid"))[0]
    places = list(np.ndindex(*cell))
    return ops.stack(
        [
            ops.stack([maps[s[0] - t[0], s[1] - t[1]][..., i] for s in places], axis=-1)
            for i, t in enumerate(places)
        ],
        axis=-2,
    )


def _shift(kernel, by):
    """Return kernel[o - by], 0 outside, for a shift of the first two axes."""
    for axis, distance in enumerate(by):
        size = kernel.shape[axis]
        distance = int(np.clip(distance, -size, size))
        widths, cut = [(0, 0)] * 4, [slice(None)] * 4
        widths[axis] = (max(distance, 0), max(-distance, 0))
        cut[axis] = slice(widths[axis][1], widths[axis][1] + size)
        kernel = ops.pad(kernel, widths)[tuple(cut)]
    return kernel


def _cells(pool, u):
    """Cut a map into cells: (B, H, W, C) -> (B, h, w, C, positions)."""
    kh, kw = pool.pool_size
    u = pad(u, pool.windows.paddings(u.shape[1:3]), 1)
    height, width, channels = u.shape[1:]
    u = ops.reshape(u, (-1, height // kh, kh, width // kw, kw, channels))
    # -> (B, h, w, C, kh, kw)
    u = ops.transpose(u, (0, 1, 3, 5, 2, 4))
    return ops.reshape(u, (-1, *u.shape[1:4], kh * kw))


def _join(pool, cells):
    """Put cells together: (B, h, w, C, positions) -> (B, H, W, C)."""
    h, w, channels = cells.shape[1:4]
    sizes = pool.compute_unpooled_shape((None, h, w, channels))[1:3]
    cells = ops.reshape(cells, (-1, h, w, channels, *pool.pool_size))
    # -> (B, h, kh, w, kw, C)
    cells = join_cells(ops.transpose(cells, (0, 1, 4, 2, 5, 3)), 1)
    return crop(cells, pool.windows.paddings(sizes), sizes, 1)
