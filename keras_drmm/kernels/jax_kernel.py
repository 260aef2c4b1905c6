"""Switch pooling on JAX: the formula, with the known transposes as gradients.

XLA fuses the formula; the custom rules spare it the derivative of every comparison. A
`jax.jit` around these functions would hinder that fusion in a caller that is compiled
itself: cells of one position then take five times as long.
"""

from functools import partial

import jax

from keras_drmm.kernels import formula


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
