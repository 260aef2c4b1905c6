"""Switch pooling and rendering, by the fastest way that the backend in use has.

`switch_pool(u, cell, rows)`, `unpool(z, switches, cell, rows)` and `pick(x, switches,
cell, rows)` are defined in `formula.py`, `overlap_add(z, kernel, strides, data_format)`
and `template_gradient(x, z, kernel_size, strides)` in `rendering.py`; a backend without
a kernel of its own runs these definitions. In a graph that is exported, and within
`exporting()`, `portable.py` pools and unpools. `argmax(x)` is that of the last axis,
`max_pool(u, cell, data_format)` pools without switches. `batch_normalization(x, gamma,
beta, epsilon)` is None where Keras' own is as fast as it gets;
`shared_batch_normalization`, of replicas, is described in `shared_moments.py`. Within
`without_gradient()` PyTorch records nothing; the other backends drop by themselves what
no gradient reaches.
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
elif keras.backend.backend() == "openvino":
    _own = portable

overlap_add = getattr(_own, "overlap_add", rendering.overlap_add)
template_gradient = getattr(_own, "template_gradient", rendering.template_gradient)
batch_normalization: Any = getattr(_own, "batch_normalization", None)
shared_batch_normalization: Any = getattr(_own, "shared_batch_normalization", None)
max_pool = getattr(_own, "max_pool", formula.max_pool)
without_gradient: Any = getattr(_own, "without_gradient", nullcontext)


def _unless_exporting(name):
    return portable.unless_exporting(
        getattr(_own, name, getattr(formula, name)),
        getattr(portable, name),
        getattr(_own, "is_exported", lambda _: False),
    )


switch_pool = _unless_exporting("switch_pool")
unpool = _unless_exporting("unpool")
pick = _unless_exporting("pick")
argmax = _unless_exporting("argmax")

__all__ = [
    "argmax",
    "batch_normalization",
    "exporting",
    "max_pool",
    "overlap_add",
    "pick",
    "shared_batch_normalization",
    "switch_pool",
    "template_gradient",
    "unpool",
    "without_gradient",
]
