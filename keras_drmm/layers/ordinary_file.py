"""check_ordinary_file: what can be read to its end."""

from pathlib import Path


def check_ordinary_file(path: Path) -> None:
    """Raise if a path is a pipe, which waits for a writer, or a device without end.

    Whether there is something, and no folder, is told by opening it.

    Raises:
        OSError: it is such a thing.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(f"{path} is a pipe or a device, and no ordinary file")
