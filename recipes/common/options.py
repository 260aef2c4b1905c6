"""The command-line options that several commands share."""

import argparse

BACKENDS = ("tensorflow", "jax", "torch")
PRECISIONS = ("float32", "mixed_bfloat16")


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
