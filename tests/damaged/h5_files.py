"""Damaged files of weights: {name: (function of the path, message)}.

Each is made from a whole file in place. HDF5 itself has no trouble with any of them:
what they declare is the trouble.
"""

import h5py
import numpy as np

GIGABYTES = 50 * 2**30
BIAS = "layers/class_templates/vars/1"
VARIANCE = "vars/0"


def write(content):
    return lambda path: path.write_bytes(content)


def cut(share):
    def damage(path):
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return damage


def edited(function):
    """Return a function that changes a file by a function of the open one."""

    def damage(path):
        with h5py.File(path, "r+") as file:
            function(file)

    return damage


def replaced(name=BIAS, **options):
    """Return a function that puts another array in the place of one."""

    def edit(file):
        del file[name]
        file.create_dataset(name, **options)

    return edited(edit)


def of_value(value, name=BIAS):
    """Return a function that sets the first number of an array, or the number."""

    def edit(file):
        array = file[name][...]
        array.reshape(-1)[0] = value
        file[name][...] = array

    return edited(edit)


def linked(link, name=BIAS):
    """Return a function that puts a link in the place of an array."""

    def edit(file):
        del file[name]
        file[name] = link

    return edited(edit)


def elsewhere(path):
    """An array whose numbers are those of another file of the system."""
    with h5py.File(path, "r+") as file:
        del file[BIAS]
        other = [("/etc/hostname", 0, h5py.h5f.UNLIMITED)]
        file.create_dataset(BIAS, (3,), "f4", external=other)


def virtual(path):
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "other", (3,))
    with h5py.File(path, "r+") as file:
        del file[BIAS]
        file.create_virtual_dataset(BIAS, layout)


def large(name=BIAS, **options):
    """Return a function that declares 50 GB and writes nothing."""
    return replaced(name, shape=(GIGABYTES // 4,), dtype="f4", **options)


def nested(file):
    group = file
    for _ in range(40):
        group = group.create_group("more")


def circle(file):
    file["layers/again"] = file["/"]


def annotated(file):
    file[BIAS].attrs["note"] = "more"


def with_long_dtype(file):
    file[BIAS].attrs["dtype"] = np.zeros(5000)


def null(file):
    del file[BIAS]
    file[BIAS] = h5py.Empty("f4")


def named_type(file):
    file["layers/type"] = np.dtype("f8")


PIECE = "is not stored as one piece"
NO_HDF5 = "it cannot be read as HDF5"
DECLARED = {
    "no byte": (write(b""), NO_HDF5),
    "a text": (write(b"weights"), NO_HDF5),
    "zeros": (write(bytes(10000)), NO_HDF5),
    "a zip": (write(b"PK\x03\x04" + bytes(100)), NO_HDF5),
    "the first bytes": (write(b"\x89HDF\r\n\x1a\n"), NO_HDF5),
    "half": (cut(0.5), NO_HDF5),
    "without its last bytes": (cut(0.99), NO_HDF5),
    "50 GB in compressed parts": (
        large(chunks=(1024,), compression="gzip"),
        PIECE,
    ),
    "in parts": (replaced(data=np.zeros(3, "f4"), chunks=(1,)), PIECE),
    "of any size": (replaced(data=np.zeros(3, "f4"), maxshape=(None,)), PIECE),
    "in scaled parts": (
        replaced(data=np.zeros(3, "f4"), scaleoffset=2, chunks=(3,)),
        PIECE,
    ),
    "50 GB, never written": (
        large(),
        rf"\({GIGABYTES // 4},\), 53,687,091,200 bytes, of which 0 are stored",
    ),
    "nothing": (edited(null), PIECE),
    "a soft link": (
        linked(h5py.SoftLink("/layers/class_templates/vars/0")),
        "link to another pl",
    ),
    "a link to itself": (linked(h5py.SoftLink(BIAS)), "is a link to another place"),
    "a link to a file": (
        linked(h5py.ExternalLink("/etc/passwd", "/")),
        "/layers/class_templates/vars/1 is a link to another place",
    ),
    "numbers of a file": (
        elsewhere,
        "/layers/class_templates/vars/1 is stored in other files",
    ),
    "numbers of other arrays": (
        virtual,
        "/layers/class_templates/vars/1 is stored in other files",
    ),
    "an array with two names": (
        edited(
            lambda file: file.__setitem__("layers/class_templates/vars/9", file[BIAS])
        ),
        "is the same as another part",
    ),
    "a circle": (edited(circle), "/layers/again is the same as another part"),
    "40 groups": (edited(nested), "nested more than 32 deep"),
    "texts": (replaced(data=["a", "b", "c"]), "and not of numbers"),
    "bytes": (replaced(data=np.array([b"a", b"b", b"c"])), "and not of numbers"),
    "lists": (
        replaced(shape=(3,), dtype=h5py.vlen_dtype("f4")),
        "is of object, and not of numbers",
    ),
    "complex numbers": (replaced(data=np.zeros(3, "c8")), "is of complex64, and not"),
    "fields": (replaced(data=np.zeros(3, "f4,i4")), "and not of numbers"),
    "arrays of arrays": (
        replaced(shape=(3,), dtype="(2,)f4"),
        "has arrays for its|not",
    ),
    "a note": (edited(annotated), "has more beside its numbers than Keras writes"),
    "a long dtype": (edited(with_long_dtype), "has more beside its numbers than"),
    "a named type": (edited(named_type), "is neither a group nor an array"),
}
OTHER = "could not be loaded"
# What only the model shows to be wrong: its shapes and its numbers.
HELD = {
    "another shape": (replaced(data=np.zeros(4, "f4")), OTHER),
    "one axis more": (replaced(data=np.zeros((1, 3), "f4")), OTHER),
    "no number": (replaced(data=np.zeros(0, "f4")), OTHER),
    "no bias": (edited(lambda file: file.__delitem__(BIAS)), OTHER),
    "no templates": (
        edited(lambda file: file.__delitem__("layers/class_templates")),
        OTHER,
    ),
    "no levels": (edited(lambda file: file.__delitem__("layers/level")), OTHER),
    "a group for an array": (
        edited(lambda file: (file.__delitem__(BIAS), file.create_group(BIAS))),
        OTHER,
    ),
    "an array for a group": (
        edited(
            lambda file: (
                file.__delitem__("layers/class_templates/vars"),
                file.__setitem__("layers/class_templates/vars", np.zeros(3, "f4")),
            )
        ),
        "expected Group but received",
    ),
    "one array more": (
        edited(
            lambda file: file.__setitem__(
                "layers/class_templates/vars/3", np.zeros(3, "f4")
            )
        ),
        OTHER,
    ),
    "NaN": (of_value(np.nan), "`.*bias` holds NaN or infinite values"),
    "infinity": (
        of_value(-np.inf, "layers/class_templates/vars/0"),
        "`.*templates` holds NaN or",
    ),
    "more than float32": (
        replaced(data=np.full(3, 1e300)),
        "`.*bias` holds NaN or infinite values",
    ),
    "no variance": (of_value(0, VARIANCE), "σ² of `rfm` is 0 .* must be above 0"),
    "a negative variance": (of_value(-1, VARIANCE), "σ² of `rfm` is -1 and the least"),
    "a negative prior": (
        of_value(-0.5, "layers/class_templates/vars/2"),
        "least of π_c -0.5, but",
    ),
}
