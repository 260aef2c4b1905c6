"""read_npz_arrays: arrays of a NumPy file that may be damaged, read within bounds."""

import math
import os
import re
import zipfile
import zlib
from collections.abc import Collection
from typing import IO, NamedTuple

import numpy as np

# An array takes at most so many bytes, or so many times those that are stored of it:
# a few bytes can be the compressed form of any number of zeros.
LEAST_LIMIT, MOST_EXPANSION = 2**28, 100
# As NumPy writes it, but for room. Whoever looks for more in a header gives it to a
# parser of Python, which a header can crash.
_HEADER = re.compile(
    r"\{\s*'descr'\s*:\s*'([<>|=]?[biufcOSUVmM]\d{0,2})'\s*,"
    r"\s*'fortran_order'\s*:\s*(True|False)\s*,"
    r"\s*'shape'\s*:\s*\(((?:\s*\d{1,18}\s*,)*\s*(?:\d{1,18})?)\s*\)\s*,?\s*\}\s*"
)
_MAGIC = b"\x93NUMPY\x01\x00"
# Signed and unsigned integers, floats, bools.
_KINDS = "iufb"
_MOST_AXES = 8
# What zipfile raises for damaged archives; RuntimeError if one looks encrypted.
ZIP_ERRORS = (
    *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error),
)


class NpyHeader(NamedTuple):
    """What the header of an array says.

    Attributes:
        dtype: of the numbers.
        is_fortran: whether the first axis varies fastest.
        shape: of the array.
        size: bytes of the header itself.
        nbytes: bytes of the numbers.
    """

    dtype: np.dtype
    is_fortran: bool
    shape: tuple[int, ...]
    size: int
    nbytes: int


def read_npy_header(file: IO[bytes]) -> NpyHeader:
    """Read the header of an array, and leave the file behind it.

    Args:
        file: as `numpy.save` writes it, in format 1.0.

    Raises:
        ValueError: it is no header of an array of plain numbers. The message is a
            clause about "it".
    """
    start = file.read(len(_MAGIC) + 2)
    if start[:6] != _MAGIC[:6]:
        raise ValueError("it does not begin as an array of NumPy does")
    if start[: len(_MAGIC)] != _MAGIC or len(start) < len(_MAGIC) + 2:
        raise ValueError(f"it is of a format {start[6:8].hex('.')}, not of 01.00")
    length = int.from_bytes(start[-2:], "little")
    text = file.read(length).decode("latin-1")
    found = _HEADER.fullmatch(text)
    if found is None or len(text) < length:
        raise ValueError("its header is not one of plain numbers")
    name, fortran, sizes = found.groups()
    try:
        dtype = np.dtype(name)
    except TypeError:
        raise ValueError(f"it is of {name!r}, which NumPy does not know") from None
    if dtype.kind not in _KINDS:
        raise ValueError(f"it is of {name!r}, and not of numbers")
    shape = tuple(int(v) for v in sizes.split(",") if v.strip())
    if len(shape) > _MOST_AXES:
        raise ValueError(f"it has {len(shape)} axes, more than {_MOST_AXES}")
    nbytes = math.prod(shape) * dtype.itemsize
    return NpyHeader(dtype, fortran == "True", shape, len(start) + length, nbytes)


def read_npz_arrays(
    file: str | os.PathLike[str] | IO[bytes], keys: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Read arrays of numbers from a file of `numpy.savez` or `savez_compressed`.

    An array takes at most 256 MiB or, if that is more, 100 times what is stored of it;
    what its header declares beyond is refused before memory is asked for.

    Args:
        file: the path, or an open file.
        keys: the names to read; None for all. Names that are not there are left out.

    Returns:
        {name: array}.

    Raises:
        ValueError: the file cannot be read or is damaged, an array is declared too
            large or not of numbers, or a name is there twice. The message is a clause,
            without the file's name.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = _members(archive)
            names = [v for v in members if keys is None or v in keys]
            return {name: _read_member(archive, members[name]) for name in names}
    except ZIP_ERRORS as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _members(archive):
    """Return {name: entry} of an archive's arrays."""
    found = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name in found:
            raise ValueError(f"it has {name} twice")
        found[name] = member
    return found


def _read_member(archive, member):
    name = member.filename.removesuffix(".npy")
    stored, size = member.compress_size, member.file_size
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed in a way that NumPy does not write")
    # What an entry says that it stores may be wrong as well.
    archive.fp.seek(0, os.SEEK_END)
    stored = min(stored, archive.fp.tell())
    if size > max(LEAST_LIMIT, MOST_EXPANSION * stored):
        raise ValueError(
            f"{name} is declared to have {size:,} bytes, of which {stored:,} are "
            f"stored: more than {MOST_EXPANSION} times as many are not read"
        )
    with archive.open(member) as file:
        try:
            header = read_npy_header(file)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        if header.size + header.nbytes != size:
            raise ValueError(
                f"{name} is declared as {header.dtype} of shape {header.shape}, "
                f"{header.nbytes:,} bytes, but has {size - header.size:,}"
            )
        flat = np.empty(math.prod(header.shape), header.dtype)
        # Not one `read`, which would hold all bytes a second time.
        into, done = memoryview(flat.view("uint8").data), 0
        while done < header.nbytes:
            count = file.readinto(into[done:])
            if not count:
                raise ValueError(f"{name} ends after {done:,} bytes")
            done += count
        # At its end an entry's checksum is compared.
        file.read(1)
    return flat.reshape(header.shape, order="F" if header.is_fortran else "C")
