"""Switch pooling, by the fastest way that the backend in use has.

`switch_pool(u, cell, rows)` and `unpool(z, switches, cell, rows)` are defined in
`formula.py`; a backend without a kernel of its own runs the formula itself.
"""

import keras

if keras.backend.backend() == "tensorflow":
    from keras_drmm.kernels.tensorflow_kernel import switch_pool, unpool
elif keras.backend.backend() == "jax":
    from keras_drmm.kernels.jax_kernel import switch_pool, unpool
elif keras.backend.backend() == "torch":
    from keras_drmm.kernels.torch_kernel import switch_pool, unpool
else:
    from keras_drmm.kernels.formula import switch_pool, unpool

__all__ = ["switch_pool", "unpool"]
