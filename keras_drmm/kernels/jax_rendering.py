"""Rendering on JAX, with the gradients of the convolution it is the transpose of.

<r, render_Γ(z)> = <conv_Γ(r), z>, so the gradients for z and Γ are the output and the
kernel gradient of a plain convolution of r. XLA on CPUs runs these several times faster
than what it derives from a transposed convolution.
"""

from functools import partial

import jax
from keras import ops

from keras_drmm.kernels import rendering


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


def _forward(z, kernel, strides, data_format):
    return rendering.overlap_add(z, kernel, strides, data_format), (z, kernel)


def _backward(strides, data_format, saved, upstream):
    z, kernel = saved
    for_z, kernel_gradient = jax.vjp(
        lambda kernel: ops.conv(
            upstream, kernel, strides, "valid", data_format=data_format
        ),
        kernel,
    )
    (for_kernel,) = kernel_gradient(z)
    return for_z, for_kernel


overlap_add.defvjp(_forward, _backward)
