"""Switch pooling in the operations that exported graphs of every format have.

What makes the backends' kernels fast does not export: compiled functions within a
graph, custom gradients, writes in place. Nor does int8 arithmetic: LiteRT compares no
int8, and OpenVINO 2026.4 computes 3 // 2 = 2 in it. A reshape by a traced batch size
would fix the batch. So switches are compared as int32 here, and reshapes leave the
batch open.

A layer is not told that its model is exported. PyTorch says so where it traces; on
TensorFlow and JAX `model.export` and `keras.export.ExportArchive` are found among the
callers. Around any other writer of files, `exporting` says it.
"""

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from keras import ops

from keras_drmm.kernels import formula

_is_exporting = ContextVar("is_exporting", default=False)


@contextmanager
def exporting():
    """Let `keras_drmm.kernels` compute in portable operations within a `with`."""
    token = _is_exporting.set(True)
    try:
        yield
    finally:
        _is_exporting.reset(token)


def keras_exports():
    """Return whether one of Keras' writers of files is among the callers."""
    frame: Any = sys._getframe()
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith("keras.src.export."):
            return True
        frame = frame.f_back
    return False


def unless_exporting(native, portable, is_exported):
    """Return the function that is `portable` in a graph to export, else `native`.

    Args:
        native: function of tensors, the first one a map, a cell and the axis of rows.
        portable: of the same arguments.
        is_exported: function that tells of a map whether it is traced to be exported.
    """

    def kernel(*args):
        if _is_exporting.get() or is_exported(args[0]):
            return portable(*args)
        return native(*args)

    return kernel


def switch_pool(u, cell, rows):
    """See `formula.switch_pool`."""
    pooled, switches = formula.switch_pool(u, cell, rows, "int32")
    return pooled, ops.cast(switches, "int8")


def unpool(z, switches, cell, rows):
    """See `formula.unpool`."""
    kh, kw = cell
    switches = ops.cast(switches, "int32")
    lines = []
    for row in range(kh):
        places = [_place(z, switches, row * kw + column) for column in range(kw)]
        # (.., h, w, ..) -> (.., h, w * kw, ..)
        lines.append(_interleave(places, rows + 1))
    # (.., h, w * kw, ..) -> (.., h * kh, w * kw, ..)
    return _interleave(lines, rows)


def pick(x, switches, cell, rows):
    """See `formula.pick`."""
    switches = ops.cast(switches, "int32")
    picked = ops.zeros((), x.dtype)
    for index, values in formula.positions(x, cell, rows):
        picked = ops.where(switches == index, values, picked)
    return picked


def argmax(x):
    """See `formula.argmax`, which looks at the bits of floats on TensorFlow."""
    largest = ops.equal(x, ops.max(x, axis=-1, keepdims=True))
    seen = ops.cumsum(ops.cast(largest, "int32"), axis=-1)
    return ops.sum(ops.cast(ops.equal(seen, 0), "int32"), axis=-1)


def _place(z, switches, index):
    return ops.where(switches == index, z, ops.zeros((), z.dtype))


def _interleave(maps, axis):
    """Let maps of equal shapes take turns along an axis."""
    if len(maps) == 1:
        return maps[0]
    shape = list(maps[0].shape)
    shape[axis] *= len(maps)
    return ops.reshape(ops.stack(maps, axis + 1), (-1, *shape[1:]))
