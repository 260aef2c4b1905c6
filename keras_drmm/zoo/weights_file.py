"""check_weights_file: what a file of weights declares, before Keras reads it."""

import os
from typing import IO, Any

import h5py

# Groups within each other. Keras writes one for each attribute on the way to a weight.
_DEEPEST = 32


def check_weights_file(file: str | os.PathLike[str] | IO[bytes], size: int) -> None:
    """Raise unless a file holds plain arrays, each as large as it is declared.

    Keras reads an array whole before it looks at its shape. A few bytes may declare any
    shape, where HDF5 stores arrays in compressed parts, in other files or not at all.
    Keras writes none of these, so that what it reads takes no more memory than the file
    has bytes.

    Args:
        file: path of an HDF5 file, or an open one.
        size: its bytes.

    Raises:
        ValueError: it is no such file, or has something else. The message is a clause
            about "it".
    """
    try:
        with h5py.File(file, "r") as weights:
            _check_groups(weights, size)
    except _Refused as error:
        raise ValueError(str(error)) from None
    # h5py's errors of damaged files have no common class.
    except Exception as error:
        raise ValueError(f"it cannot be read as HDF5: {error}") from error


class _Refused(Exception):
    """HDF5, but not as Keras writes it."""


def _check_groups(weights: Any, size: int) -> None:
    # Our own stack: in a file groups may be nested deeper than any program's.
    pending, seen = [(weights, 1)], {_address(weights)}
    while pending:
        group, depth = pending.pop()
        if depth > _DEEPEST:
            raise _Refused(f"it has groups that are nested more than {_DEEPEST} deep")
        for name in group:
            link = group.get(name, getlink=True)
            where = f"{group.name.rstrip('/')}/{name}"
            if not isinstance(link, h5py.HardLink):
                raise _Refused(f"{where} is a link to another place")
            part = group[name]
            if _address(part) in seen:
                raise _Refused(f"{where} is the same as another part")
            seen.add(_address(part))
            if isinstance(part, h5py.Group):
                pending.append((part, depth + 1))
            elif isinstance(part, h5py.Dataset):
                _check_array(part, where, size)
            else:
                raise _Refused(f"{where} is neither a group nor an array")


def _check_array(array: Any, where: str, size: int) -> None:
    if array.external or array.is_virtual:
        raise _Refused(f"{where} is stored in other files")
    if array.shape is None or array.chunks is not None:
        raise _Refused(f"{where} is not stored as one piece")
    dtype = array.dtype
    # bfloat16 is two bytes that NumPy has no name for.
    if dtype.kind not in "iufb" and (dtype.kind, dtype.itemsize) != ("V", 2):
        raise _Refused(f"{where} is of {dtype}, and not of numbers")
    if dtype.subdtype is not None:
        raise _Refused(f"{where} has arrays for its numbers")
    stored = min(array.id.get_storage_size(), size)
    if array.nbytes > stored:
        raise _Refused(
            f"{where} is declared as {dtype} of shape {array.shape}, "
            f"{array.nbytes:,} bytes, of which {stored:,} are stored"
        )
    extra = sorted(set(array.attrs) - {"dtype"})
    if extra or ("dtype" in array.attrs and array.attrs.get_id("dtype").shape != ()):
        raise _Refused(f"{where} has more beside its numbers than Keras writes")


def _address(part: Any) -> int:
    return h5py.h5o.get_info(part.id).addr
