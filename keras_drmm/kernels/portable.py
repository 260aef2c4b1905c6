"""Switch pooling in the operations that exported graphs of every format have.

What makes the backends' kernels fast does not export: compiled functions within a
graph, custom gradients, writes in place. Nor does int8 arithmetic: LiteRT compares no
int8, and OpenVINO 2026.4 computes 3 // 2 = 2 in it. A reshape by a traced batch size
would fix the batch. So switches are int32 here, and reshapes leave the batch open.
"""

from contextlib import contextmanager
from contextvars import ContextVar

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


def unless_exporting(native, portable):
    """Return the function that is `portable` within `exporting`, else `native`."""

    def kernel(*args):
        return (portable if _is_exporting.get() else native)(*args)

    return kernel


def switch_pool(u, cell, rows):
    """See `formula.switch_pool`; the switches are int32."""
    return formula.switch_pool(u, cell, rows, "int32")


def unpool(z, switches, cell, rows):
    """See `formula.unpool`; the switches are int32."""
    kh, kw = cell
    lines = []
    for row in range(kh):
        places = [_place(z, switches, row * kw + column) for column in range(kw)]
        # (.., h, w, ..) -> (.., h, w * kw, ..)
        lines.append(_interleave(places, rows + 1))
    # (.., h, w * kw, ..) -> (.., h * kh, w * kw, ..)
    return _interleave(lines, rows)


def _place(z, switches, index):
    return ops.where(switches == index, z, ops.zeros((), z.dtype))


def _interleave(maps, axis):
    """Let maps of equal shapes take turns along an axis."""
    if len(maps) == 1:
        return maps[0]
    shape = list(maps[0].shape)
    shape[axis] *= len(maps)
    return ops.reshape(ops.stack(maps, axis + 1), (-1, *shape[1:]))
