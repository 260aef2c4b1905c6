"""Switch pooling and rendering, by the fastest way that the backend in use has.

`switch_pool(u, cell, rows)` and `unpool(z, switches, cell, rows)` are defined in
`formula.py`, `overlap_add(z, kernel, strides, data_format)` in `rendering.py`; a
backend without a kernel of its own runs these definitions.
"""

import keras

if keras.backend.backend() == "tensorflow":
    from keras_drmm.kernels.rendering import overlap_add
    from keras_drmm.kernels.tensorflow_kernel import switch_pool, unpool
elif keras.backend.backend() == "jax":
    from keras_drmm.kernels.jax_kernel import switch_pool, unpool
    from keras_drmm.kernels.jax_rendering import overlap_add
elif keras.backend.backend() == "torch":
    from keras_drmm.kernels.rendering import overlap_add
    from keras_drmm.kernels.torch_kernel import switch_pool, unpool
else:
    from keras_drmm.kernels.formula import switch_pool, unpool
    from keras_drmm.kernels.rendering import overlap_add

__all__ = ["overlap_add", "switch_pool", "unpool"]
