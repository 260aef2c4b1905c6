"""Windows that step over the rows and columns of a map, and the way back.

A size is an integer, None where a shape leaves it open, or a scalar tensor where
TensorFlow knows it only as a graph runs.
"""

from dataclasses import dataclass
from numbers import Integral

from keras import ops


@dataclass(frozen=True)
class Windows:
    """Windows of a convolution or a pooling.

    Args:
        lengths: (height, width) of a window.
        strides: steps (down, right) from a window to the next.
        padding: zeros around the map: "same" (as TensorFlow pads: the odd zero goes
            after), "valid" (none) or "full" (`length - 1` on all sides: every overlap
            counts).
    """

    lengths: tuple[int, int]
    strides: tuple[int, int]
    padding: str

    def counts(self, sizes):
        """Return how many windows (down, right) a map of `sizes` has."""
        return tuple(map(self._count, sizes, self.lengths, self.strides))

    def paddings(self, sizes):
        """Return ((top, bottom), (left, right)), the zeros around a map."""
        return tuple(map(self._around, sizes, self.lengths, self.strides))

    def sources(self, counts, built_sizes, output_shape, name):
        """Return the sizes of the map that has `counts` windows.

        Several sizes may have as many windows: `output_shape` decides, else
        `built_sizes` where they fit. Else it is whole strides for "same" and the
        smallest size otherwise.

        Args:
            counts: windows (down, right).
            built_sizes: (height, width) that the layer was built with.
            output_shape: (height, width) wanted, or None.
            name: of the layer, for its error.

        Raises:
            ValueError: no map of these sizes has `counts` windows.
        """
        sizes = output_shape
        if sizes is None:
            sizes = map(self._usual_source, counts, self.lengths, self.strides)
            fits = map(_are_equal, self.counts(built_sizes), counts)
            sizes = tuple(
                built if fit else usual
                for built, fit, usual in zip(built_sizes, fits, sizes, strict=True)
            )
        elif not isinstance(sizes, tuple | list) or len(sizes) != 2:
            raise ValueError(
                f"`output_shape` must be (height, width) alone, got {sizes}."
            )
        for size, count, wanted in zip(sizes, self.counts(sizes), counts, strict=True):
            # A size that only a running graph knows cannot be checked before.
            if _are_known(size, wanted) and (size < 1 or count != wanted):
                raise ValueError(
                    f"`{name}` maps size {tuple(sizes)} to {self.counts(sizes)} and "
                    f"not to the size {tuple(counts)} of `z`: give the `output_shape` "
                    "(height, width) that `z` came from."
                )
        return tuple(sizes)

    def _count(self, size, length, stride):
        if size is None:
            return None
        if self.padding == "same":
            return -(-size // stride)
        zeros = length - 1 if self.padding == "full" else 0
        return (size + 2 * zeros - length) // stride + 1

    def _around(self, size, length, stride):
        if self.padding == "valid":
            return 0, 0
        if self.padding == "full":
            return length - 1, length - 1
        total = -size % stride + length - stride
        # max(total, 0), in words that a TensorFlow scalar understands too.
        total = (total + abs(total)) // 2
        return total // 2, total - total // 2

    def _usual_source(self, count, length, stride):
        if count is None:
            return None
        if self.padding == "same":
            return count * stride
        zeros = length - 1 if self.padding == "full" else 0
        return (count - 1) * stride + length - 2 * zeros


def _are_known(*numbers):
    return all(isinstance(number, Integral) for number in numbers)


def _are_equal(number, other):
    """Tell whether two sizes or counts are known and equal."""
    return _are_known(number, other) and number == other


def pad(x, paddings, rows):
    """Add zeros around the two spatial axes that start at `rows`.

    Args:
        x: tensor of rank 4.
        paddings: ((top, bottom), (left, right)).
        rows: axis of the rows.
    """
    if all(_are_equal(zeros, 0) for zeros in (*paddings[0], *paddings[1])):
        return x
    widths = [(0, 0)] * 4
    widths[rows : rows + 2] = paddings
    return ops.pad(x, widths)


def crop(x, paddings, sizes, rows):
    """Cut the spatial axes to `sizes`, dropping the zeros that `pad` put before.

    Args:
        x: tensor of rank 4, no smaller than padded.
        paddings: ((top, bottom), (left, right)).
        sizes: (height, width) of the result.
        rows: axis of the rows.
    """
    if all(map(_are_equal, x.shape[rows : rows + 2], sizes)):
        return x
    cut = [slice(None)] * 4
    for i, ((before, _), size) in enumerate(zip(paddings, sizes, strict=True)):
        cut[rows + i] = slice(before, before + size)
    return x[tuple(cut)]
