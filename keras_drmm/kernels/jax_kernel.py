"""Switch pooling and rendering on JAX, with the known transposes as gradients.

XLA fuses the formula of pooling; the custom rules spare it the derivative of every
comparison. A `jax.jit` around these functions would hinder that fusion in a caller that
is compiled itself: cells of one position then take five times as long.

<r, render_Γ(z)> = <conv_Γ(r), z>, so the gradients of rendering for z and Γ are the
output and the kernel gradient of a plain convolution of r. XLA on CPUs runs these
several times faster than what it derives from a transposed convolution.
"""

import math
from functools import partial, reduce

import jax
from keras import ops

from keras_drmm.kernels import formula, rendering
from keras_drmm.kernels.portable import keras_exports


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def switch_pool(u, cell, rows):
    """See `formula.switch_pool`."""
    return formula.switch_pool(u, cell, rows)


def _switch_pool_forward(u, cell, rows):
    pooled, switches = formula.switch_pool(u, cell, rows)
    return (pooled, switches), switches


def _switch_pool_backward(cell, rows, switches, upstream):
    return (formula.unpool(upstream[0], switches, cell, rows),)


switch_pool.defvjp(_switch_pool_forward, _switch_pool_backward)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def unpool(z, switches, cell, rows):
    """See `formula.unpool`."""
    return formula.unpool(z, switches, cell, rows)


def _unpool_forward(z, switches, cell, rows):
    return formula.unpool(z, switches, cell, rows), switches


def _unpool_backward(cell, rows, switches, upstream):
    return formula.pick(upstream, switches, cell, rows), None


unpool.defvjp(_unpool_forward, _unpool_backward)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def overlap_add(z, kernel, strides, data_format):
    """See `rendering.overlap_add`."""
    return rendering.overlap_add(z, kernel, strides, data_format)


def template_gradient(x, z, kernel_size, strides):
    """See `rendering.template_gradient`."""
    _, gradient = jax.vjp(
        lambda kernel: ops.conv(x, kernel, strides, "valid"),
        ops.zeros((*kernel_size, x.shape[3], z.shape[3]), x.dtype),
    )
    return gradient(z)[0]


def _overlap_add_forward(z, kernel, strides, data_format):
    return rendering.overlap_add(z, kernel, strides, data_format), (z, kernel)


def _overlap_add_backward(strides, data_format, saved, upstream):
    z, kernel = saved
    for_z, kernel_gradient = jax.vjp(
        lambda kernel: ops.conv(
            upstream, kernel, strides, "valid", data_format=data_format
        ),
        kernel,
    )
    (for_kernel,) = kernel_gradient(z)
    return for_z, for_kernel


overlap_add.defvjp(_overlap_add_forward, _overlap_add_backward)


def max_pool(u, cell, data_format):
    """See `formula.max_pool`."""
    if not is_exported(u):
        return formula.max_pool(u, cell, data_format)
    # What JAX's pooling is written as has four axes, which ONNX Runtime lacks.
    rows = 1 if data_format == "channels_last" else 2
    widths = [(0, 0)] * 4
    for axis, length in enumerate(cell, start=rows):
        total = -u.shape[axis] % length
        widths[axis] = (total // 2, total - total // 2)
    u = ops.pad(u, widths, constant_values=-math.inf)
    return reduce(ops.maximum, (v for _, v in formula.positions(u, cell, rows)))


def is_exported(x):
    """Return whether JAX traces a graph to export."""
    # Only a trace is worth the look at its callers.
    return isinstance(x, jax.core.Tracer) and keras_exports()
