"""Which files of a folder are images, and how they are labelled."""

import csv
import os
import posixpath
from pathlib import Path
from typing import NamedTuple

from keras_drmm.layers.arguments import describe
from keras_drmm.layers.ordinary_file import check_ordinary_file

# PNG, JPEG, BMP, GIF, TIFF and WebP.
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif"),
    *(".bmp", ".gif", ".tif", ".tiff", ".webp"),
)
# Names of the folder of unlabelled images, in small letters.
UNLABELLED = ("unlabelled", "unlabeled")


class FolderFiles(NamedTuple):
    """The files of a folder.

    Attributes:
        names: path of each file that should be an image, relative to the folder and
            with `/` between its parts, sorted.
        labels: class of each of them, -1 for an unlabelled one.
        class_names: names of the classes, sorted.
        skipped: {path: reason} of what is not in `names`.
    """

    names: list[str]
    labels: list[int]
    class_names: tuple[str, ...]
    skipped: dict[str, str]


def find_files(root: Path, table: Path | bool | None, own: list[Path]) -> FolderFiles:
    """Find the images of a folder and their labels.

    Args:
        root: the folder.
        table: a CSV file of labels, None: each subfolder is a class, or False: there
            are no labels.
        own: files that are no part of the data, such as the cache.

    Raises:
        ValueError: the table is not as `load_folder` describes it.
    """
    files, folders, skipped = _walk(root)
    top = root.resolve()
    files -= {os.path.relpath(v.resolve(), top).replace(os.sep, "/") for v in own}
    if table is None:
        class_names = sorted(v for v in folders if v.lower() not in UNLABELLED)
        # One string for each class: files may be many.
        own_name = {name: name for name in class_names}
        tops = ((name, name.partition("/")) for name in files)
        label_of = {
            name: own_name[top]
            for name, (top, slash, _) in tops
            if slash and top in own_name
        }
    elif isinstance(table, Path):
        label_of = _read_table(table)
        if missing := sorted(label_of.keys() - files - skipped.keys()):
            raise ValueError(
                f"{table} names files that are not in {root}: {first_few(missing)}. "
                "Write paths relative to that folder, as in `cats/1.png`, or remove "
                "these lines."
            )
        label_of = {name: label for name, label in label_of.items() if label}
        class_names = sorted(set(label_of.values()))
    else:
        label_of, class_names = {}, []
    names = []
    for name in files:
        suffix = posixpath.splitext(name)[1].lower()
        if suffix in SUFFIXES:
            names.append(name)
        else:
            skipped[name] = f"the suffix {suffix!r} is of no image that is read"
    # As lists of parts would be sorted, which take three times the memory.
    names.sort(key=lambda name: name.replace("/", "\0"))
    numbers = {name: number for number, name in enumerate(class_names)}
    labels = [numbers[label_of[v]] if v in label_of else -1 for v in names]
    return FolderFiles(names, labels, tuple(class_names), skipped)


def first_few(items: list[str]) -> str:
    """Join the first five of a list, and say how many more there are."""
    more = f" and {len(items) - 5} more" if len(items) > 5 else ""
    return f"{', '.join(items[:5])}{more}"


def _walk(root: Path) -> tuple[set[str], list[str], dict[str, str]]:
    """Return the files below a folder, its subfolders, and {path: reason} of others."""
    files: set[str] = set()
    folders: list[str] = []
    others: dict[str, str] = {}

    def visit(folder: str | Path, prefix: str, above: frozenset) -> None:
        try:
            status = os.stat(folder)
            entries = [v for v in os.scandir(folder) if not v.name.startswith(".")]
        except OSError as error:
            others[prefix[:-1]] = f"this folder cannot be listed: {error.strerror}"
            return
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            others[prefix[:-1]] = "a link to a folder that holds it"
            return
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir():
                if not prefix:
                    folders.append(name)
                visit(entry.path, f"{name}/", above | {identity})
            elif entry.is_file():
                files.add(name)
            else:
                # To open a pipe would wait for someone to write to it.
                others[name] = "a broken link, or no ordinary file"

    visit(root, "", frozenset())
    return files, folders, others


def _read_table(table: Path) -> dict[str, str]:
    """Return {path: label} of a CSV file; the label of an unlabelled file is empty."""
    found: dict[str, str] = {}
    try:
        check_ordinary_file(table)
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            header = list(reader.fieldnames or [])
            if not {"file", "label"} <= set(header):
                raise ValueError(
                    f"{table} must begin with the header `file,label`, got "
                    f"{describe(','.join(header))}. Separate columns by commas."
                )
            if len(set(header)) < len(header):
                raise ValueError(
                    f"{table} must have each column once, got the header "
                    f"{describe(','.join(header))}. Leave one of those out that are "
                    "there twice."
                )
            for row in reader:
                # DictReader fills short rows with None and keeps what is too much
                # under the key None.
                if None in row or None in row.values():
                    raise ValueError(
                        f"{table}, line {reader.line_num}: a row must have "
                        f"{len(header)} columns, as the header has, got {row}. Quote "
                        "names that hold a comma."
                    )
                name, label = posixpath.normpath(row["file"]), row["label"].strip()
                if found.setdefault(name, label) != label:
                    raise ValueError(
                        f"{table}, line {reader.line_num}: {name} is labelled twice, "
                        f"{found[name]!r} and {label!r}. Keep one of these lines."
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{table} cannot be read as a CSV file in UTF-8 ({error}). Give the path "
            "of such a file as `labels`, or None."
        ) from error
    return found
