"""LevelStatistics: what the M-step of a level needs to know about the data."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from keras import ops

from keras_drmm import kernels
from keras_drmm.em.sweep_metric import SweepMetric, array
from keras_drmm.layers import replicas
from keras_drmm.layers.geometry import pad
from keras_drmm.layers.weighting import row_weights


class LevelStatistics(SweepMetric):
    r"""The normal equations of a level's templates, summed over a sweep.

    The M-step of Algorithm 1 fits the level below by what the level renders:

    $$\Lambda^{(\ell)} = \mathrm{GLS}(I^{(\ell-1)} \sim \hat z^{(\ell)} \mid \hat g)
    \ \Rightarrow\ \Big(\sum_x \varphi_x \varphi_x^T\Big) \Delta\Gamma = \sum_x
    \varphi_x \epsilon_x^T$$

    with $\varphi_x$ the patch of the unpooled, masked $\hat z^{(\ell)}$ that a pixel x
    is rendered from, and a 1 for α; ε the residual of the templates in use, so that
    float32 adds up small numbers and not the images themselves.

    Away from the border the Gram matrix depends on the difference of two offsets alone:
    it is a correlation of the unpooled map with itself (`correlate`). Rendering over
    the whole canvas that templates can reach, that would be all. The pixels of the
    canvas outside of the image, where padding cut it, are taken off again: strips whose
    one axis is still a correlation, and corners.

    Its memory depends on the level's templates only.

    Args:
        level: a `Level`, built, channels_last, without `top_down_batch_norm`.
        input_shape: (H, W, C) of the level below.
        name: of the metric.
        soft: whether switches have a covariance.

    Source: Patel, Nguyen, Baraniuk (2016), Algorithm 1.
    """

    def __init__(self, level, input_shape, name, soft=False):
        super().__init__(name)
        conv = level.conv
        self.kernel_size, self.strides = conv.kernel_size, conv.strides
        self.channels, self.filters = input_shape[-1], conv.filters
        matched = conv.compute_output_shape((None, *input_shape))
        sizes = input_shape[:2]
        self.rows, self.columns = map(
            _Axis,
            sizes,
            matched[1:3],
            self.strides,
            self.kernel_size,
            conv.windows.paddings(sizes),
        )
        # The canvas, less strips, plus the corners that were taken off twice.
        self.regions = list(itertools.product(self.rows.parts, self.columns.parts))
        self.grams = []
        for number, (down, right) in enumerate(self.regions):
            width = down.depth * right.depth * self.filters
            shape = (len(down.shifts), len(right.shifts), width, width)
            self.grams.append(self.add_sum(f"gram_{number}", shape))
        shape = (*self.kernel_size, self.channels, self.filters)
        self.moments = self.add_sum("moments", shape)
        # Σ φ, the products with the 1 of α.
        self.means = self.add_sum("means", (*self.kernel_size, self.filters))
        self.sums = self.add_sum("sums", (self.channels,))
        self.pixels = self.add_sum("pixels", ())
        self.gram_pixels = self.add_sum("gram_pixels", ())
        # The covariance of soft switches, within cells.
        self.covariance: Any = None
        if soft:
            pool = level.pool
            pooled, _ = pool.compute_output_shape(matched)
            positions = pool.pool_size[0] * pool.pool_size[1]
            self.cell = pool.pool_size
            self.cell_starts = [b for b, _ in pool.windows.paddings(matched[1:3])]
            shape = (*pooled[1:], positions, positions)
            self.covariance = self.add_sum("covariance", shape)

    def update_state(
        self,
        unpooled,
        residual,
        covariance=None,
        gram_divisor=1,
        sample_weight=None,
    ):
        """Add a batch.

        Args:
            unpooled: the unpooled, masked ẑ^(ℓ), (B, H', W', filters).
            residual: I^(ℓ-1) minus what the level renders, (B, H, W, C).
            covariance: of the unpooled map within cells, see `SoftSwitching`, of the
                rows in the Gram matrix; None where switches are certain.
            gram_divisor: n takes the Gram matrix from the first ceil(B / n) rows.
            sample_weight: (B,), how many rows each row counts as, in `covariance`
                already; None for 1.
        """
        unpooled, residual = (ops.cast(v, "float32") for v in (unpooled, residual))
        weights = row_weights(residual, sample_weight)
        residual = weights * residual
        around = (self.rows.around, self.columns.around)
        canvas = pad(residual[:, : self.rows.seen, : self.columns.seen], around, 1)
        self.add_to(
            self.moments,
            kernels.template_gradient(canvas, unpooled, self.kernel_size, self.strides),
        )
        self.add_to(self.sums, ops.sum(residual, axis=(0, 1, 2)))
        area = residual.shape[1] * residual.shape[2]
        self.add_to(self.pixels, area * ops.sum(weights))

        rows = replicas.first_rows(ops.shape(unpooled)[0], gram_divisor)
        unpooled, weights = unpooled[:rows], weights[:rows]
        weighted = weights * unpooled
        ones = pad(ops.ones((1, self.rows.seen, self.columns.seen, 1)), around, 1)
        total = ops.sum(weighted, axis=0, keepdims=True)
        found = kernels.template_gradient(ones, total, self.kernel_size, self.strides)
        self.add_to(self.means, found[:, :, 0])
        unpooled, weighted = (_dilate(v, self.strides) for v in (unpooled, weighted))
        for gram, (down, right) in zip(self.grams, self.regions, strict=True):
            part, other = (down.fold(right.fold(v, 2), 1) for v in (weighted, unpooled))
            self.add_to(gram, correlate(part, other, down.shifts, right.shifts))
        self.add_to(self.gram_pixels, area * ops.sum(weights))
        if covariance is not None:
            self.add_to(self.covariance, covariance)

    def solve(self, kernel, ridge):
        """Return the change of Γ and α that fits best, and how much templates are used.

        Args:
            kernel: Γ in use, (kh, kw, C, filters), a NumPy array.
            ridge: λ of the penalty λ ||Γ||², relative to the mean of the Gram matrix'
                diagonal.

        Returns:
            (ΔΓ of the shape of `kernel`, Δα (C,), Σ φ² of each template (filters,),
            0 for one that never rendered).
        """
        gram, moments = self._equations()
        size = len(gram) - 1
        penalty = ridge * np.trace(gram) / size
        flat = kernel.astype("float64").transpose(0, 1, 3, 2).reshape(size, -1)
        target = moments.copy()
        target[:-1] -= penalty * flat
        # Templates that never rendered have no equation: their change is 0.
        floor = 1e-9 * np.trace(gram) / len(gram)
        matrix = gram + (penalty + floor) * np.eye(size + 1)
        matrix[-1, -1] -= penalty
        factor = scipy.linalg.cho_factor(matrix, overwrite_a=True)
        change = scipy.linalg.cho_solve(factor, target)
        shape = (*self.kernel_size, self.filters, self.channels)
        energy = np.diag(gram)[:-1].reshape(-1, self.filters).sum(axis=0)
        return change[:-1].reshape(shape).transpose(0, 1, 3, 2), change[-1], energy

    def _equations(self):
        """Assemble (Σ φ φᵀ, Σ φ εᵀ) in float64."""
        kh, kw = self.kernel_size
        size = kh * kw * self.filters
        blocks = np.zeros((kh, kw, self.filters, kh, kw, self.filters))
        for gram, (down, right) in zip(self.grams, self.regions, strict=True):
            sign = down.sign * right.sign
            templates = (down.depth, right.depth, self.filters)
            gram = ops.convert_to_numpy(gram).reshape(
                len(down.shifts), len(right.shifts), *templates, *templates
            )
            for (i, k, rows), (j, l, columns) in itertools.product(
                down.pairs(kh), right.pairs(kw)
            ):
                for (e, r, s), (f, t, u) in itertools.product(rows, columns):
                    blocks[i, j, :, k, l] += sign * gram[e, f, r, t, :, s, u]
        if self.covariance is not None:
            self._add_covariance(blocks)
        gram_pixels = array(self.gram_pixels)
        gram = np.empty((size + 1, size + 1))
        gram[:size, :size] = blocks.reshape(size, size)
        gram[:size, size] = gram[size, :size] = array(self.means).ravel()
        gram[size, size] = gram_pixels
        gram *= array(self.pixels) / (gram_pixels if gram_pixels > 0 else 1)
        # (kh, kw, C, F) -> (kh * kw * F, C)
        moments = array(self.moments).transpose(0, 1, 3, 2).reshape(size, -1)
        return gram, np.vstack([moments, array(self.sums)])

    def _add_covariance(self, blocks):
        """Add what the spread of soft switches adds to Σ φ φᵀ."""
        covariance = array(self.covariance)
        filters = np.arange(self.filters)
        for (t, place), (u, other) in itertools.product(
            enumerate(np.ndindex(*self.cell)), repeat=2
        ):
            # (kh, cells), (kw, cells): whether a template's element lies in the image.
            inside = [
                axis.is_seen(length * np.arange(cells) + start - before)
                for axis, length, cells, start, before in zip(
                    (self.rows, self.columns),
                    self.cell,
                    covariance.shape[:2],
                    place,
                    self.cell_starts,
                    strict=True,
                )
            ]
            sums = np.einsum("ah,bw,hwc->abc", *inside, covariance[..., t, u])
            for i, j in np.ndindex(*self.kernel_size):
                # The same pixel, as the other position's template sees it.
                k = i + self.strides[0] * (place[0] - other[0])
                l = j + self.strides[1] * (place[1] - other[1])
                if 0 <= k < self.kernel_size[0] and 0 <= l < self.kernel_size[1]:
                    blocks[i, j, filters, k, l, filters] += sums[i, j]


@dataclass(frozen=True)
class _Part:
    """A part of a canvas' axis: all of it, or a strip of pixels outside of the image.

    Attributes:
        shifts: of the correlation along the axis, one (0) for a strip.
        depth: how many positions of the unpooled map stand in the channels.
        sign: 1, or -1 for what is taken off.
        start: the first of these positions.
        pixels: the strip's pixels on the canvas.
    """

    shifts: range
    depth: int = 1
    sign: int = 1
    start: int = 0
    pixels: range | None = None

    def fold(self, x, axis):
        """Move the strip's positions into the channels: their axis has then size 1."""
        if self.pixels is None:
            return x
        stop = self.start + self.depth
        if axis == 2:
            part = x[:, :, self.start : stop]
            return ops.reshape(part, (-1, x.shape[1], 1, self.depth * x.shape[3]))
        # (B, depth, W, C) -> (B, W, depth, C) -> (B, 1, W, depth * C)
        part = ops.transpose(x[:, self.start : stop], (0, 2, 1, 3))
        return ops.reshape(part, (-1, 1, x.shape[2], self.depth * x.shape[3]))

    def pairs(self, length):
        """Yield (offset, offset', [(index of the shift, position, position')])."""
        for i, j in np.ndindex(length, length):
            if self.pixels is None:
                yield i, j, [(i - j + length - 1, 0, 0)]
                continue
            places = [(x - i - self.start, x - j - self.start) for x in self.pixels]
            inside = range(self.depth)
            yield i, j, [(0, r, s) for r, s in places if r in inside and s in inside]


class _Axis:
    """One axis of a level's canvas: all pixels that its templates can reach.

    Args:
        size: of the image.
        count: positions of the unpooled map.
        stride: pixels from one position to the next.
        length: of a template.
        padding: (before, after) the image; before are pixels of the canvas.
    """

    def __init__(self, size, count, stride, length, padding):
        self.stride, self.length, before = stride, length, padding[0]
        # With the strides filled in.
        count = (count - 1) * stride + 1
        canvas = count + length - 1
        # Strides may leave the image's last pixels out of reach.
        self.seen = min(size, canvas - before)
        after = canvas - before - self.seen
        self.around = (before, after)
        self.canvas = canvas
        self.parts = [_Part(range(1 - length, length))]
        for width, pixels in (
            (before, range(before)),
            (after, range(canvas - after, canvas)),
        ):
            depth = min(width, count)
            start = 0 if pixels.start == 0 else count - depth
            if depth:
                self.parts.append(_Part(range(1), depth, -1, start, pixels))

    def is_seen(self, positions):
        """Tell, as 0. or 1., which pixels of a template lie in the image.

        Args:
            positions: of the unpooled map, (n,).

        Returns:
            (length, n).
        """
        pixels = np.arange(self.length)[:, None] + self.stride * positions
        seen = (pixels >= self.around[0]) & (pixels < self.canvas - self.around[1])
        return np.float64(seen)


def _dilate(x, strides):
    """Put strides - 1 zeros between rows and columns."""
    for axis, stride in zip((1, 2), strides, strict=True):
        if stride == 1:
            continue
        shape = list(x.shape)
        x = ops.expand_dims(x, axis + 1)
        widths = [(0, 0)] * 5
        widths[axis + 1] = (0, stride - 1)
        shape[0], shape[axis] = -1, shape[axis] * stride
        x = ops.reshape(ops.pad(x, widths), shape)
        keep = [slice(None)] * 4
        keep[axis] = slice(shape[axis] - stride + 1)
        x = x[tuple(keep)]
    return x


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
