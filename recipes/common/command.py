"""How a command starts: its options, its backend and the memory that it keeps."""

import argparse
import os
import platform
import sys

BACKENDS = ("tensorflow", "jax", "torch")
PRECISIONS = ("float32", "mixed_bfloat16")
# glibc returns freed arrays of some megabytes to the kernel and gets them back, zeroed,
# in the next step. On one core this was measured to take over a third of a training
# step. A single arena that is never trimmed keeps the memory.
MEMORY_SETTINGS = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
}


def make_parser(docstring, *shared):
    """Return a command's parser with the shared options that the command uses.

    Args:
        docstring: the command's; its first line is the description.
        *shared: names of shared options: "backend", "data-dir", "draw", "dtype",
            "seed".
    """
    parser = argparse.ArgumentParser(description=docstring.split("\n")[0])
    for name in shared:
        parser.add_argument(f"--{name}", **_SHARED[name])
    return parser


def at_least(least):
    """Return a function for `argparse` that reads an integer of at least `least`."""

    def read(text):
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"must be an integer of at least {least}, got {text!r}."
            )
        return int(text)

    return read


_SHARED = {
    "backend": {
        "choices": BACKENDS,
        "default": "tensorflow",
        "help": "Keras backend; default: %(default)s",
    },
    "data-dir": {"help": "folder of data sets, see keras_drmm.data.load"},
    "draw": {
        "type": at_least(0),
        "default": 0,
        "help": "seed of the choice of labelled images",
    },
    "dtype": {
        "choices": PRECISIONS,
        "default": "float32",
        "help": "dtype policy of training; default: %(default)s",
    },
    "seed": {
        "type": at_least(0),
        "default": 0,
        "help": "seed of everything else that is random",
    },
}


def choose_backend(name):
    """Choose Keras' backend, which Keras reads when it is first imported."""
    os.environ["KERAS_BACKEND"] = name


def keep_memory():
    """Restart this program once with `MEMORY_SETTINGS`, if the C library is glibc.

    glibc reads the settings when a process starts, so they cannot be set later.
    """
    if platform.libc_ver()[0] != "glibc" or "MALLOC_ARENA_MAX" in os.environ:
        return
    os.execve(
        sys.executable,
        [sys.executable, *sys.orig_argv[1:]],
        {**os.environ, **MEMORY_SETTINGS},
    )
