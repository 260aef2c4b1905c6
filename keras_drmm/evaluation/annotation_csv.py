"""write_annotation_csv: a table in which a person fills in labels."""

import contextlib
import csv
import os
from pathlib import Path

from keras_drmm.evaluation.checks import (
    names_or_numbers,
    standardize_probabilities,
)
from keras_drmm.layers.arguments import describe
from keras_drmm.layers.ordinary_file import check_ordinary_file


def write_annotation_csv(path, files_or_rows, probabilities, *, class_names=None):
    """Write a CSV file for a person to label images.

    Its columns are `file`, `label`, which is empty and to be filled in, `suggested`,
    the most probable class, and `confidence`, its probability. A table in which someone
    has filled in labels is never overwritten.

    Args:
        path: of the CSV file.
        files_or_rows: name of each image's file, or its row in an array; (N,).
        probabilities: (N, K), each row adding up to 1, of these images.
        class_names: K strings that are written for suggested classes; their numbers if
            None.

    Raises:
        FileExistsError: there is such a file with labels in it, or another table.
        FileNotFoundError: the folder does not exist.
        TypeError: `path` is no path.
        ValueError: an argument is not as described.

    Example:

    >>> write_annotation_csv("label.csv", ["a.png", "b.png"], [[0.5, 0.5], [0.3, 0.7]])
    >>> print(open("label.csv").read())
    file,label,suggested,confidence
    a.png,,0,0.5000
    b.png,,1,0.7000
    <BLANKLINE>
    """
    probabilities = standardize_probabilities(probabilities)
    names = names_or_numbers(class_names, probabilities.shape[1])
    if len(files_or_rows) != len(probabilities):
        raise ValueError(
            f"`files_or_rows` must have one entry for each of the {len(probabilities)} "
            f"rows of `probabilities`, got {describe(files_or_rows)}."
        )
    path = standardize_path(path)
    check_has_no_labels(path)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "label", "suggested", "confidence"])
        for name, row in zip(files_or_rows, probabilities, strict=True):
            writer.writerow([name, "", names[row.argmax()], f"{row.max():.4f}"])


def standardize_path(path):
    """Return the path of a file to write, whose folder exists, as a `Path`."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"`path` must be the path of a file, got {path!r}.")
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"`path` must be in a folder that exists, got {str(path)!r}. Make the "
            "folder first."
        )
    if path.is_dir():
        raise IsADirectoryError(
            f"`path` must be the path of a file, got the folder {str(path)!r}."
        )
    return path


def check_has_no_labels(path):
    """Raise a FileExistsError if there is a table with labels, or another file."""
    if not path.exists():
        return
    check_ordinary_file(path)
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.DictReader(file)
        # Whatever the csv module cannot read is not ours.
        with contextlib.suppress(csv.Error):
            columns = reader.fieldnames or []
            labels = ((v["label"] or "").strip() for v in reader)
            if "label" in columns and not any(labels):
                return
    raise FileExistsError(
        f"`path`: {str(path)!r} has labels that a person filled in, or is another "
        "table. Move it, or give another path."
    )
