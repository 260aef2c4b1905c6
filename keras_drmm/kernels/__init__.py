"""Switch pooling and rendering, by the fastest way that the backend in use has.

`switch_pool(u, cell, rows)`, `unpool(z, switches, cell, rows)` and `pick(x, switches,
cell, rows)` are defined in `formula.py`, `overlap_add(z, kernel, strides, data_format)`
and `template_gradient(x, z, kernel_size, strides)` in `rendering.py`; a backend without
a kernel of its own runs these definitions. Within `exporting()` switches are pooled and
unpooled by `portable.py`. `batch_normalization(x, gamma, beta, epsilon)` is None where
Keras' own is as fast as it gets.
"""

from typing import Any

import keras

from keras_drmm.kernels import portable
from keras_drmm.kernels.portable import exporting

batch_normalization: Any = None
if keras.backend.backend() == "tensorflow":
    from keras_drmm.kernels.rendering import overlap_add
    from keras_drmm.kernels.tensorflow_kernel import (
        batch_normalization as _batch_normalization,
    )
    from keras_drmm.kernels.tensorflow_kernel import pick, template_gradient
    from keras_drmm.kernels.tensorflow_kernel import switch_pool as _switch_pool
    from keras_drmm.kernels.tensorflow_kernel import unpool as _unpool

    batch_normalization = _batch_normalization
elif keras.backend.backend() == "jax":
    from keras_drmm.kernels.formula import pick
    from keras_drmm.kernels.jax_kernel import switch_pool as _switch_pool
    from keras_drmm.kernels.jax_kernel import unpool as _unpool
    from keras_drmm.kernels.jax_rendering import overlap_add, template_gradient
elif keras.backend.backend() == "torch":
    from keras_drmm.kernels.formula import pick
    from keras_drmm.kernels.rendering import overlap_add
    from keras_drmm.kernels.torch_kernel import switch_pool as _switch_pool
    from keras_drmm.kernels.torch_kernel import template_gradient
    from keras_drmm.kernels.torch_kernel import unpool as _unpool
else:
    from keras_drmm.kernels.formula import pick
    from keras_drmm.kernels.formula import switch_pool as _switch_pool
    from keras_drmm.kernels.formula import unpool as _unpool
    from keras_drmm.kernels.rendering import overlap_add, template_gradient

switch_pool = portable.unless_exporting(_switch_pool, portable.switch_pool)
unpool = portable.unless_exporting(_unpool, portable.unpool)

__all__ = [
    "batch_normalization",
    "exporting",
    "overlap_add",
    "pick",
    "switch_pool",
    "template_gradient",
    "unpool",
]
