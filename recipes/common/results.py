"""Result rows: what was run, where, and what came out."""

import csv
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
RESULTS = PROJECT / "recipes" / "results"

COLUMNS = (
    "table",
    "setting",
    "model",
    "labels",
    "draw",
    "seed",
    "epochs",
    "seconds",
    "machine",
    "backend",
    "commit",
    "command",
    "validation_error",
    "test_error",
)
# What was minimised: rows of other objectives are no draws of one cell.
TABLE_COLUMNS = (*COLUMNS, "objective")


def append_row(path, row, columns=COLUMNS):
    """Append `row`, a dictionary of all `columns`, to the CSV file at `path`.

    Raises:
        ValueError: the row, or the file that is there, has other columns.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    if not is_new:
        with path.open(newline="") as file:
            there = tuple(next(csv.reader(file)))
        if there != tuple(columns):
            raise ValueError(
                f"{path} has the columns {there}, not {columns}: it is of another "
                f"version. Move it away. The row: {row}"
            )
    if set(row) != set(columns):
        raise ValueError(
            f"A row has the columns {columns}; these differ: {set(row) ^ set(columns)}."
        )
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def machine():
    """Describe the processor and how many of its cores this process may use."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [v for v in info.read_text().splitlines() if v.startswith("model name")]
        name = names[0].split(":", 1)[1].strip() if names else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return f"{name}, {cores or os.cpu_count()} core(s)"


def origin(backend):
    """Return where a row comes from, for its last columns."""
    return {
        "machine": machine(),
        "backend": backend,
        "commit": commit(),
        "command": command(),
    }


def commit():
    """Return the commit of the code, with + where files that matter were changed."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "-uall", "keras_drmm", "recipes")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    code = [v for v in changed.splitlines() if not v.endswith((".csv", ".png"))]
    return head + ("+" if code else "")


def command():
    """Return the command line that made the row, relative to the project."""
    script = Path(sys.argv[0]).resolve().relative_to(PROJECT).with_suffix("")
    return shlex.join(["python", "-m", ".".join(script.parts), *sys.argv[1:]])


def _git(*arguments):
    return subprocess.run(
        ["git", *arguments], cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout.strip()
