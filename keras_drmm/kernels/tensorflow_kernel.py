"""Switch pooling on TensorFlow: the formula, each function fused by XLA.

TensorFlow runs an elementwise formula one operation at a time; XLA fuses it into one
loop over memory. Only the formula is compiled: convolutions stay with TensorFlow's
own kernels, which are faster on CPUs than XLA's.
"""

import functools

import tensorflow as tf

from keras_drmm.kernels import formula
from keras_drmm.kernels.portable import keras_exports
from keras_drmm.kernels.shared_moments import gradient_parts, shared_moments

CHANNELS_OF_A_BLOCK = 16


def _fused(function):
    compiled = {}

    def call(*tensors, **given):
        # XLA compiles for each shape anyway: a function for each, because one that is
        # traced for several warns of it. A partial, because functions that share
        # their code, as those defined here would, count as one.
        shapes = tuple((tuple(tensor.shape), tensor.dtype) for tensor in tensors)
        key = (*given.values(), shapes)
        if key not in compiled:
            fixed = functools.partial(function, **given)
            compiled[key] = tf.function(fixed, jit_compile=True)
        return compiled[key](*tensors)

    return call


_switch_pool = _fused(formula.switch_pool)
_unpool = _fused(formula.unpool)
_pick = _fused(formula.pick)


def template_gradient(x, z, kernel_size, strides):
    """See `rendering.template_gradient`: a kernel's own gradient is faster."""
    # What strides leave over at the end takes part in no patch.
    x = x[
        :,
        : (z.shape[1] - 1) * strides[0] + kernel_size[0],
        : (z.shape[2] - 1) * strides[1] + kernel_size[1],
    ]
    return tf.raw_ops.Conv2DBackpropFilter(
        input=x,
        filter_sizes=(*kernel_size, x.shape[3], z.shape[3]),
        out_backprop=z,
        strides=(1, *strides, 1),
        padding="VALID",
    )


def batch_normalization(x, gamma, beta, epsilon):
    """Normalise a channels_last map by its own moments.

    Returns:
        (y, mean, variance), the moments float32 (C,) and without Bessel's correction.
    """
    dtype = x.dtype
    if x.shape[-1] % CHANNELS_OF_A_BLOCK:
        # In half precision oneDNN takes five times as long for other numbers.
        x = tf.cast(x, "float32")
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=tf.cast(gamma, "float32"),
        offset=tf.cast(beta, "float32"),
        mean=[],
        variance=[],
        epsilon=epsilon,
        is_training=True,
    )
    count = tf.cast(tf.size(x) / tf.shape(x)[-1], "float32")
    return tf.cast(y, dtype), mean, variance * tf.maximum(count - 1, 1) / count


@_fused
def _affine(x, y, a, b, c):
    return a * x + b * y + c


def shared_batch_normalization(x, gamma, beta, epsilon, around, total):
    """See `shared_moments`."""
    around = tf.convert_to_tensor(around)

    @tf.custom_gradient
    def normalise(x, gamma, beta):
        _, mean, variance = batch_normalization(x, tf.ones_like(gamma), beta, epsilon)
        places = tf.size(x) / tf.shape(x)[-1]
        elements, mean, variance = shared_moments(places, mean, variance, around, total)
        y, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=gamma,
            offset=beta,
            mean=mean,
            variance=variance,
            epsilon=epsilon,
            is_training=False,
        )

        def gradient(upstream, *_):
            # Of fixed moments: sums over this replica's places.
            _, of_gamma, of_beta, *_ = tf.raw_ops.FusedBatchNormGradV3(
                y_backprop=upstream,
                x=x,
                scale=gamma,
                reserve_space_1=mean,
                reserve_space_2=variance,
                reserve_space_3=[],
                epsilon=epsilon,
                is_training=False,
            )
            along, level = tf.unstack(total(tf.stack([of_gamma, of_beta])) / elements)
            scale, slope, rest = gradient_parts(
                gamma, mean, variance, epsilon, along, level
            )
            return _affine(upstream, x, scale, slope, rest), of_gamma, of_beta

        return (y, mean, variance), gradient

    return normalise(x, tf.convert_to_tensor(gamma), tf.convert_to_tensor(beta))


def switch_pool(u, cell, rows):
    """See `formula.switch_pool`."""

    @tf.custom_gradient
    def forward(u):
        pooled, switches = _switch_pool(u, cell=cell, rows=rows)

        def gradient(upstream, _):
            return _unpool(upstream, switches, cell=cell, rows=rows)

        return (pooled, switches), gradient

    return forward(u)


def max_pool(u, cell, data_format):
    """See `formula.max_pool`; a cell of nothing but NaN stays NaN."""
    pooled = formula.max_pool(u, cell, data_format)
    # TensorFlow leaves NaN out: there its result is the lowest number. So NaN weights
    # would give logits that are finite.
    return tf.where(pooled > pooled.dtype.min, pooled, float("nan"))


def _linear(function, transpose):
    """Return a function of (x, switches), linear in x: its gradient is `transpose`."""

    def call(x, switches, cell, rows):
        @tf.custom_gradient
        def forward(x):
            def gradient(upstream):
                return transpose(upstream, switches, cell=cell, rows=rows)

            return function(x, switches, cell=cell, rows=rows), gradient

        return forward(x)

    return call


unpool = _linear(_unpool, _pick)
"""See `formula.unpool`."""
pick = _linear(_pick, _unpool)
"""See `formula.pick`."""


def is_exported(_):
    """Return whether TensorFlow traces a graph to export."""
    # Only a trace is worth the look at its callers.
    return not tf.executing_eagerly() and keras_exports()
