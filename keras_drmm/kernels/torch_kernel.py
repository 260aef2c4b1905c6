"""Switch pooling on PyTorch: its own max-pool with indices, and writes in place.

PyTorch runs eagerly, so each operation is a pass over memory: the native max-pool
does the search in one, and `out=` spares `unpool` a second copy of the large map.
"""

import torch
import torch.nn.functional as F
from keras import ops

from keras_drmm.kernels import formula
from keras_drmm.kernels.shared_moments import gradient_parts, shared_moments

without_gradient = torch.no_grad


def _channels_first(x, rows):
    """View channels_last maps as channels_first ones; nothing is copied."""
    return x.permute(0, 3, 1, 2) if rows == 1 else x


def _channels_last(x, rows):
    """Undo `_channels_first`."""
    return x.permute(0, 2, 3, 1) if rows == 1 else x


class _SwitchPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, cell, rows):
        ctx.cell, ctx.rows = cell, rows
        if cell == (1, 1):
            pooled = F.relu(u)
            # NaN is not at most 0: it is on, as in larger cells.
            switches = (u <= 0).to(torch.int8).neg_()
        else:
            pooled, switches = _search(u, cell, rows)
        ctx.save_for_backward(switches)
        ctx.mark_non_differentiable(switches)
        return pooled, switches

    @staticmethod
    def backward(ctx, upstream, _):
        (switches,) = ctx.saved_tensors
        return _place(upstream, switches, ctx.cell, ctx.rows), None, None


class _Linear(torch.autograd.Function):
    """A function of (x, switches), linear in x: its gradient is `transpose`."""

    @staticmethod
    def forward(ctx, function, transpose, x, switches, cell, rows):
        ctx.save_for_backward(switches)
        ctx.transpose, ctx.cell, ctx.rows = transpose, cell, rows
        return function(x, switches, cell, rows)

    @staticmethod
    def backward(ctx, upstream):
        (switches,) = ctx.saved_tensors
        gradient = ctx.transpose(upstream, switches, ctx.cell, ctx.rows)
        return None, None, gradient, None, None, None


def _search(u, cell, rows):
    """Do what `formula.switch_pool` does, by the native max-pool."""
    kh, kw = cell
    largest, index = F.max_pool2d(_channels_first(u, rows), cell, return_indices=True)
    h, w = largest.shape[-2:]
    # `index` counts in the whole plane of width W; count in the cell instead. int32 and
    # comparisons, because int64 and its division take twice as long.
    plane = w * kw
    line, column = (torch.arange(n, dtype=torch.int32, device=u.device) for n in (h, w))
    inside = index.int().sub_(line[:, None] * (kh * plane) + column * kw)
    row = sum((inside >= i * plane).int() for i in range(1, kh))
    switches = (inside - row * (plane - kw)).to(torch.int8)
    switches = switches.masked_fill_(largest <= 0, formula.OFF)
    return _channels_last(largest.relu_(), rows), _channels_last(switches, rows)


def _place(z, switches, cell, rows):
    """Do what `formula.unpool` does, a position at a time into one new map."""
    if cell == (1, 1):
        # Several times faster than `where` or `masked_fill`.
        return z * (switches + 1)
    kh, kw = cell
    shape = list(z.shape)
    shape[rows : rows + 2] = shape[rows], kh, shape[rows + 1], kw
    out = z.new_empty(shape)
    # As floats: a mask that the product converts takes twice as long.
    number = switches.to(z.dtype)
    is_here = torch.empty_like(number)
    for index in range(kh * kw):
        at = [slice(None)] * len(shape)
        at[rows + 1], at[rows + 3] = divmod(index, kw)
        torch.eq(number, index, out=is_here)
        torch.mul(z, is_here, out=out[tuple(at)])
    return formula.join_cells(out, rows)


def _read(x, switches, cell, rows):
    """Do what `formula.pick` does, a position at a time."""
    if cell == (1, 1):
        return x * (switches + 1)
    number = switches.to(x.dtype)
    picked, is_here = torch.zeros_like(number), torch.empty_like(number)
    for index, values in formula.positions(x, cell, rows):
        torch.eq(number, index, out=is_here)
        picked.addcmul_(values, is_here)
    return picked


def switch_pool(u, cell, rows):
    """See `formula.switch_pool`."""
    return _SwitchPool.apply(u, cell, rows)


def unpool(z, switches, cell, rows):
    """See `formula.unpool`."""
    return _Linear.apply(_place, _read, z, switches, cell, rows)


def pick(x, switches, cell, rows):
    """See `formula.pick`."""
    return _Linear.apply(_read, _place, x, switches, cell, rows)


def batch_normalization(x, gamma, beta, epsilon):
    """Normalise a channels_last map by its own moments.

    Returns:
        (y, mean, variance), the moments float32 (C,) and without Bessel's correction.
    """
    # A running mean that moves all the way is the mean of the batch.
    mean, variance = torch.zeros((2, x.shape[-1]), device=x.device)
    y = F.batch_norm(
        _channels_first(x, 1), mean, variance, gamma, beta, True, 1.0, epsilon
    )
    count = x.numel() // x.shape[-1]
    return _channels_last(y, 1), mean, variance * (max(count - 1, 1) / count)


def shared_batch_normalization(x, gamma, beta, epsilon, around, total):
    """See `shared_moments`."""
    gamma, beta, around = map(ops.convert_to_tensor, (gamma, beta, around))
    return _SharedNormalization.apply(x, gamma, beta, epsilon, around, total)


class _SharedNormalization(torch.autograd.Function):
    """Batch normalisation whose sums, forward and backward, are those of replicas."""

    @staticmethod
    def forward(ctx, x, gamma, beta, epsilon, around, total):
        maps = _channels_first(x, 1)
        mean, variance = torch.batch_norm_update_stats(maps, None, None, 0.0)
        places = x.numel() // x.shape[-1]
        elements, mean, variance = shared_moments(places, mean, variance, around, total)
        y = F.batch_norm(maps, mean, variance, gamma, beta, False, 0.0, epsilon)
        ctx.save_for_backward(maps, gamma, mean, variance, elements)
        ctx.epsilon, ctx.total = epsilon, total
        ctx.mark_non_differentiable(mean, variance)
        return _channels_last(y, 1), mean, variance

    @staticmethod
    def backward(ctx, upstream, *_):
        maps, gamma, mean, variance, elements = ctx.saved_tensors
        # Of fixed moments: sums over this replica's places.
        _, of_gamma, of_beta = torch.ops.aten.native_batch_norm_backward(
            _channels_first(upstream, 1),
            maps,
            gamma,
            mean,
            variance,
            None,
            None,
            False,
            ctx.epsilon,
            [False, True, True],
        )
        along, level = ctx.total(torch.stack([of_gamma, of_beta])) / elements
        scale, slope, rest = gradient_parts(
            gamma, mean, variance, ctx.epsilon, along, level
        )
        gradient = torch.addcmul(rest, _channels_last(maps, 1), slope)
        return gradient.addcmul_(upstream, scale), of_gamma, of_beta, None, None, None


def template_gradient(x, z, kernel_size, strides):
    """See `rendering.template_gradient`."""
    # (B, H, W, C) -> (B, C, H, W), what strides leave over cut off
    x, z = (v.permute(0, 3, 1, 2) for v in (x, z))
    height, width = (
        (count - 1) * stride + length
        for count, stride, length in zip(z.shape[2:], strides, kernel_size, strict=True)
    )
    shape = (z.shape[1], x.shape[1], *kernel_size)
    gradient = torch.nn.grad.conv2d_weight(x[:, :, :height, :width], shape, z, strides)
    # (filters, C, kh, kw) -> (kh, kw, C, filters)
    return gradient.permute(2, 3, 1, 0)


def is_exported(_):
    """Return whether PyTorch traces a graph to export."""
    return torch.jit.is_tracing() or torch.compiler.is_exporting()
