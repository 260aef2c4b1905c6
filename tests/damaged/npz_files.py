"""Damaged files of NumPy, made by hand: {name: (function of a path, message)}."""

import io
import struct
import warnings
import zipfile

import numpy as np

RNG = np.random.default_rng(0)
ARRAYS = {
    "x_train": RNG.integers(0, 256, (6, 4, 4, 3), dtype="uint8"),
    "y_train": np.array([0, 1, 2, 0, 1, -1], dtype="int8"),
    "x_test": RNG.integers(0, 256, (3, 4, 4, 3), dtype="uint8"),
    "y_test": np.array([[2], [1], [0]], dtype="uint8"),
}
GIGABYTES = 50 * 2**30


def npy(array):
    """The bytes of an array as NumPy writes it."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asanyarray(array))
    return buffer.getvalue()


def with_header(text, content=b"", version=b"\x01\x00", length=None):
    """The bytes of an array with a header of these words."""
    header = text.encode("latin-1") + b"\n"
    form = "<H" if version == b"\x01\x00" else "<I"
    size = struct.pack(form, len(header) if length is None else length)
    return b"\x93NUMPY" + version + size + header + content


def declared(descr="'|u1'", shape="(6, 4, 4, 3)", fortran="False"):
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"


def archive(path, changes=None, patch=None, compression=zipfile.ZIP_STORED):
    """Write the arrays to a file, but for what is changed.

    Args:
        path: of the file.
        changes: {name: bytes of its entry}.
        patch: a function of {name: entry of the directory}, before that is written.
        compression: of `zipfile`.
    """
    entries = {f"{name}.npy": npy(array) for name, array in ARRAYS.items()}
    entries |= {f"{name}.npy": content for name, content in (changes or {}).items()}
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in entries.items():
            file.writestr(name, content)
        if patch is not None:
            patch({info.filename.removesuffix(".npy"): info for info in file.filelist})


def entry(content, name="x_train"):
    """Return a function that writes the arrays with one other entry."""
    return lambda path: archive(path, {name: content})


def patched(**values):
    """Return a function that writes the arrays with x_train's entry changed."""

    def write(path):
        def patch(entries):
            for name, value in values.items():
                setattr(entries["x_train"], name, value)

        archive(path, patch=patch, compression=zipfile.ZIP_DEFLATED)

    return write


def twice(path):
    archive(path)
    with zipfile.ZipFile(path, "a") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        file.writestr("x_train.npy", npy(ARRAYS["x_test"]))


def with_two_names(path):
    archive(path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("x_train", npy(ARRAYS["x_test"]))


def zeros(path):
    """A million zeros in a thousand bytes."""
    content = npy(np.zeros((1000, 32, 32), "uint8"))
    archive(path, {"x_train": content}, compression=zipfile.ZIP_DEFLATED)


def changed(place, value):
    """Return a function that changes one byte, from the end if `place` is negative."""

    def write(path):
        archive(path)
        content = bytearray(path.read_bytes())
        content[place] ^= value
        path.write_bytes(content)

    return write


def cut(share):
    def write(path):
        archive(path)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return write


def plain(content):
    return lambda path: path.write_bytes(content)


PIXELS = ARRAYS["x_train"].tobytes()
PLAIN = "its header is not one of plain numbers"
# What its header says of an array.
HEADERS = {
    "50 GB": (declared(shape=f"({GIGABYTES},)"), "53,687,091,200 bytes, but has 288"),
    "50 GB of images": (
        declared(shape="(6, 94571, 94571, 1)"),
        r"declared as uint8 of shape \(6, 94571, 94571, 1\)",
    ),
    "the most that can be written": (
        declared(shape="(999999999999999999, 999999999999999999)"),
        "declared as uint8 of shape",
    ),
    "more digits than an integer has": (
        declared(shape="(9999999999999999999,)"),
        PLAIN,
    ),
    "a number of 9,000 digits": (declared(shape=f"({'9' * 9000},)"), PLAIN),
    "one row less": (declared(shape="(5, 4, 4, 3)"), "240 bytes, but has 288"),
    "one row more": (declared(shape="(7, 4, 4, 3)"), "336 bytes, but has 288"),
    "another size of number": (declared("'<i4'"), "1,152 bytes, but has 288"),
    "objects": (declared("'|O'"), r"it is of '\|O', and not of numbers"),
    "objects of 8 bytes": (declared("'|O8'"), "O8"),
    "text": (declared("'<U3'"), "it is of '<U3', and not of numbers"),
    "bytes": (declared("'|S48'", "(6,)"), r"it is of '\|S48', and not of numbers"),
    "dates": (declared("'<M8'", "(6, 2, 3)"), "and not of numbers"),
    "complex numbers": (declared("'<c8'", "(6, 2, 3)"), "and not of numbers"),
    "nothing": (declared("'|V1'"), "and not of numbers"),
    "floats of 3 bytes": (declared("'<f3'"), "'<f3', which NumPy does not know"),
    "a dtype of many digits": (declared("'<U999999999'"), PLAIN),
    "fields": (declared("[('a', '<i4'), ('b', '|O')]"), PLAIN),
    "an empty dtype": (declared("''"), PLAIN),
    "a number for a dtype": (declared("5"), PLAIN),
    "a negative size": (declared(shape="(-6, 4, 4, 3)"), PLAIN),
    "a fraction": (declared(shape="(6.0, 4, 4, 3)"), PLAIN),
    "a list": (declared(shape="[6, 4, 4, 3]"), PLAIN),
    "no shape": ("{'descr': '|u1', 'fortran_order': False, }", PLAIN),
    "another order": (declared(fortran="None"), PLAIN),
    "one more key": (declared()[:-1] + "'more': 1, }", PLAIN),
    "a key twice": (declared()[:-1] + "'shape': (1,), }", PLAIN),
    "a hundred axes": (declared(shape=f"({'1, ' * 100})"), "100 axes, more than 8"),
    "code": ("__import__('os').getcwd()", PLAIN),
    "deep parentheses": (declared(shape="(" * 90 + ")" * 90), PLAIN),
    "many signs": (declared(shape=f"({'-' * 900}6,)"), PLAIN),
    "an end of a line": (declared(shape="(6, 4,"), PLAIN),
    "nulls": ("\0" * 60, PLAIN),
}
# What stands before, behind or around it.
ENTRIES = {
    "format 2": (entry(with_header(declared(), PIXELS, b"\x02\x00")), "format 02.00"),
    "format 9": (entry(with_header(declared(), PIXELS, b"\x09\x09")), "format 09.09"),
    "a header of 4 GB": (
        entry(with_header(declared(), PIXELS, b"\x02\x00", 2**32 - 1)),
        "format 02.00",
    ),
    "a longer header": (entry(with_header(declared(), length=60000)), PLAIN),
    "an empty header": (entry(with_header("", length=0)), PLAIN),
    "no byte": (entry(b""), "x_train: it does not begin as an array"),
    "the first bytes": (
        entry(npy(ARRAYS["x_train"])[:7]),
        "x_train: it is of a format",
    ),
    "other first bytes": (entry(b"\x93PUMPY" + npy(PIXELS)[6:]), "does not begin as"),
    "a pickle": (entry(b"\x80\x04]\x94."), "does not begin as an array of NumPy"),
    "cut": (entry(npy(ARRAYS["x_train"])[:-1]), "288 bytes, but has 287"),
    "longer": (entry(npy(ARRAYS["x_train"]) + b"0"), "288 bytes, but has 289"),
    "cut labels": (
        entry(npy(ARRAYS["y_test"])[:-1], "y_test"),
        "y_test is declared as",
    ),
}
ZIPS = {
    "50 GB, few stored": (
        patched(file_size=GIGABYTES),
        "x_train is declared to have 53,687,091,200 bytes, of which .* are stored",
    ),
    "50 GB, as many stored": (
        patched(file_size=GIGABYTES, compress_size=GIGABYTES),
        "x_train is declared to have 53,687,091,200 bytes, of which ",
    ),
    "more than there is": (patched(file_size=2000), "declared as uint8 of shape .*"),
    "a name twice": (twice, "it has x_train twice"),
    "a name with and without a suffix": (with_two_names, "it has x_train twice"),
    "another checksum": (patched(CRC=1), "Bad CRC-32"),
    "compressed by bzip2": (
        lambda path: archive(path, compression=zipfile.ZIP_BZIP2),
        "compressed in a way that NumPy does not write",
    ),
    "compressed by lzma": (
        lambda path: archive(path, compression=zipfile.ZIP_LZMA),
        "compressed in a way that NumPy does not write",
    ),
    "compressed by nobody": (patched(compress_type=77), "compressed in a way"),
    "a secret": (patched(flag_bits=1), "is encrypted, password required"),
    "elsewhere": (patched(header_offset=7), "Bad magic number for file header"),
    "behind its end": (patched(header_offset=2**31), "Truncated file header"),
    "a directory of 4 GB": (changed(-10, 0xFF), "Truncated central directory"),
    "half": (cut(0.5), "not a zip file"),
    "nine tenths": (cut(0.9), "not a zip file"),
    "without names": (lambda path: zipfile.ZipFile(path, "w").close(), "lacks x_train"),
    "gzip": (plain(b"\x1f\x8b\x08" + bytes(50)), "not a zip file"),
    "HDF5": (plain(b"\x89HDF\r\n\x1a\n" + bytes(500)), "not a zip file"),
    "two bytes": (plain(b"PK"), "not a zip file"),
}
IMAGES, LABELS = ARRAYS["x_train"], ARRAYS["y_train"].astype("int64")
# What the arrays hold.
CONTENTS = {
    "no image": ({"x_train": IMAGES[:0], "y_train": LABELS[:0]}, "at least one image"),
    "no test image": ({"x_test": IMAGES[:0], "y_test": LABELS[:0]}, "x_test must hold"),
    "no row of pixels": ({"x_train": IMAGES[:, :0]}, r"its shape is \(6, 0, 4, 3\)"),
    "no column": ({"x_train": IMAGES[:, :, :0]}, r"its shape is \(6, 4, 0, 3\)"),
    "no channel": ({"x_train": IMAGES[..., :0]}, r"its shape is \(6, 4, 4, 0\)"),
    "no axis": ({"x_train": np.uint8(3)}, r"uint8 of shape \(\)"),
    "five axes": ({"x_train": IMAGES[..., None]}, r"shape \(6, 4, 4, 3, 1\)"),
    "NaN": ({"x_train": IMAGES * np.float32("nan")}, "it is float32 of shape"),
    "signed bytes": ({"x_train": IMAGES.astype("int8")}, "it is int8 of shape"),
    "two bytes a pixel": ({"x_test": IMAGES.astype(">u2")}, "it is >u2 of shape"),
    "bits": ({"x_train": IMAGES > 99}, "it is bool of shape"),
    "label -2": ({"y_train": LABELS - 1}, "they are from -2 to 1. Number the"),
    "label of 32 bits": ({"y_train": LABELS + 2**31}, "from 2147483647 to 2147483650"),
    "label of 64 bits": (
        {"y_test": np.full(3, 2**64 - 1, "uint64")},
        "from 18446744073709551615 to 18446744073709551615",
    ),
    "label NaN": ({"y_train": LABELS * np.nan}, "but it is float64 of shape"),
    "label true": ({"y_train": LABELS > 0}, "but it is bool of shape"),
    "labels of two columns": ({"y_test": LABELS.reshape(3, 2)}, r"of shape \(3, 2\)"),
    "one label": ({"y_test": np.int64(1)}, r"of shape \(\)"),
    "labels for others": (
        {"y_train": LABELS[:5]},
        "6 images, but y_train has 5 labels",
    ),
}
CASES = {
    **{
        f"header: {name}": (entry(with_header(text, PIXELS)), message)
        for name, (text, message) in HEADERS.items()
    },
    **{f"entry: {name}": case for name, case in ENTRIES.items()},
    **{f"zip: {name}": case for name, case in ZIPS.items()},
    **{
        f"content: {name}": (
            lambda path, changes=changes: archive(
                path, {key: npy(array) for key, array in changes.items()}
            ),
            message,
        )
        for name, (changes, message) in CONTENTS.items()
    },
}
