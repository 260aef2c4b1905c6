"""Result rows: what was run, where it was run, and what came out."""

import csv
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
RESULTS = PROJECT / "recipes" / "results"
RUNS = PROJECT / "runs"
IMAGES = PROJECT / "docs" / "images"
# Of Linux: what the processor is and can do.
CPU = Path("/proc/cpuinfo")


def read_rows(name):
    """Return the rows of `recipes/results/NAME.csv` as dictionaries, [] without it."""
    path = RESULTS / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def record(name, row, is_kept=True):
    """Print a row, and append it to `recipes/results/NAME.csv` if it is to be kept."""
    print(row)
    if is_kept:
        append_row(RESULTS / f"{name}.csv", row)


def append_row(path, row):
    """Append `row`, a dictionary, to the CSV file at `path`.

    Its keys are the columns of a new file. An existing file keeps its own order.

    Raises:
        ValueError: the existing file has other columns.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    columns, is_new = list(row), not path.exists()
    if not is_new:
        with path.open(newline="") as file:
            columns = next(csv.reader(file))
        if set(columns) != set(row):
            raise ValueError(
                f"{path} is of another version, so move it away. These columns differ: "
                f"{sorted(set(columns) ^ set(row))}. The row: {row}"
            )
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def origin(backend):
    """Return where a row comes from: its machine, backend, commit and command.

    Call it before the run starts: the code may be edited while the run goes on.
    """
    return {
        "machine": machine(),
        "backend": backend,
        "commit": commit(),
        "command": command(),
    }


def machine():
    """Return the processor's name and the number of cores this process may use."""
    name = platform.processor() or platform.machine()
    if CPU.exists():
        names = [v for v in CPU.read_text().splitlines() if v.startswith("model name")]
        name = names[0].split(":", 1)[1].strip() if names else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return f"{name}, {cores or os.cpu_count()} core(s)"


def has_bfloat16_unit(cpuinfo=CPU):
    """Return whether the processor multiplies bfloat16 numbers faster than float32."""
    if not cpuinfo.exists():
        return False
    words = set(cpuinfo.read_text().split())
    return "amx_bf16" in words or {"AuthenticAMD", "avx512_bf16"} <= words


def commit():
    """Return the commit of the code, followed by + if code was changed since."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "-uall", "keras_drmm", "recipes")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    code = [v for v in changed.splitlines() if not v.endswith((".csv", ".png"))]
    return head + ("+" if code else "")


def command():
    """Return the command that this process was started with, as one can paste it."""
    script = Path(sys.argv[0]).resolve().relative_to(PROJECT).with_suffix("")
    return shlex.join(["python", "-m", ".".join(script.parts), *sys.argv[1:]])


def _git(*arguments):
    return subprocess.run(
        ["git", *arguments], cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout.strip()
