"""Switch pooling and rendering, by the fastest way that the backend in use has.

`switch_pool(u, cell, rows)`, `unpool(z, switches, cell, rows)` and `pick(x, switches,
cell, rows)` are defined in `formula.py`, `overlap_add(z, kernel, strides, data_format)`
and `template_gradient(x, z, kernel_size, strides)` in `rendering.py`; a backend without
a kernel of its own runs these definitions. Within `exporting()` switches are pooled and
unpooled by `portable.py`. `batch_normalization(x, gamma, beta, epsilon)` is None where
Keras' own is as fast as it gets. Within `without_gradient()` PyTorch records nothing;
the other backends drop by themselves what no gradient reaches.
"""

from contextlib import nullcontext
from importlib import import_module
from typing import Any

import keras

from keras_drmm.kernels import formula, portable, rendering
from keras_drmm.kernels.portable import exporting

_own: Any = None
if keras.backend.backend() in ("jax", "tensorflow", "torch"):
    # No other backend's framework need be installed.
    _own = import_module(f"keras_drmm.kernels.{keras.backend.backend()}_kernel")

overlap_add = getattr(_own, "overlap_add", rendering.overlap_add)
template_gradient = getattr(_own, "template_gradient", rendering.template_gradient)
batch_normalization: Any = getattr(_own, "batch_normalization", None)
pick = getattr(_own, "pick", formula.pick)
without_gradient: Any = getattr(_own, "without_gradient", nullcontext)
switch_pool = portable.unless_exporting(
    getattr(_own, "switch_pool", formula.switch_pool), portable.switch_pool
)
unpool = portable.unless_exporting(
    getattr(_own, "unpool", formula.unpool), portable.unpool
)

__all__ = [
    "batch_normalization",
    "exporting",
    "overlap_add",
    "pick",
    "switch_pool",
    "template_gradient",
    "unpool",
    "without_gradient",
]
