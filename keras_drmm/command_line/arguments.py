"""Arguments that commands share, and their types."""

import argparse
import sys
from pathlib import Path

from keras_drmm.layers.arguments import standardize_integer


def add_model(parser):
    """Let a command take a model."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="folder that `fit` wrote, a .keras file, or the name of a preset",
    )


def add_folder(parser):
    """Let a command take a folder of images, and a file to keep them in."""
    parser.add_argument(
        "folder", metavar="FOLDER", type=Path, help="folder of images, at any depth"
    )
    parser.add_argument(
        "--cache",
        metavar="FILE.npy",
        type=Path,
        help="keep the images there, for more than fit in memory",
    )


def add_labels(parser):
    """Let a command take a table of labels."""
    parser.add_argument(
        "--labels",
        metavar="FILE.csv",
        type=Path,
        help="table with the columns file and label; without it each subfolder is a "
        "class, but for `unlabelled`",
    )


def add_output(parser, kind):
    """Let a command take the path of what it writes."""
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help=f"{kind} to write; nothing that exists is overwritten",
    )


def whole(name, least):
    """Return a function for `argparse` that reads an integer of at least `least`."""

    def read(text):
        try:
            number = int(text)
        except ValueError:
            number = text
        try:
            return standardize_integer(number, name, least)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def check_new(path, folder=None):
    """Raise unless a file or folder can be written without harm.

    Args:
        path: where to write, a `Path`.
        folder: `Path` of the images, or None.

    Raises:
        FileExistsError: it exists.
        FileNotFoundError: it would be in a folder that does not exist.
        ValueError: it would be among the images.
    """
    # A broken link exists as well, and what it points to could be written.
    if path.exists() or path.is_symlink():
        raise FileExistsError(
            f"{path} exists and is not overwritten. Choose another name, or remove it "
            "first."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is no folder: make it first.")
    if folder is not None and path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"{path} would be one of the files in {folder}, which are read as images. "
            "Choose a name outside of it."
        )


def verbosity():
    """Return 1, a bar, on a terminal and 2, a line an epoch, elsewhere."""
    return 1 if sys.stdout.isatty() else 2
