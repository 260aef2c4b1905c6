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
    """Return the rows of `recipes/results/NAME.csv` as dictionaries, [] without it.

    Raises:
        ValueError: a line has more or less columns than the first, or the file is no
            table of text.
    """
    path = RESULTS / f"{name}.csv"
    if not path.exists():
        return []
    rows = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            for row in reader:
                if None in row or None in row.values():
                    raise csv.Error(f"line {reader.line_num} has other columns")
                rows.append(row)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is damaged: {error}. Restore it by `git checkout`, or mend it."
        ) from error
    return rows


def write_marker(path, text):
    """Write the text that says that a run is finished, whole or not at all."""
    scratch = path.with_name(f".{path.name}")
    scratch.write_text(f"{text}\n", encoding="utf-8")
    os.replace(scratch, path)


def read_marker(path):
    """Return what `write_marker` wrote.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is empty, cut short or no text.
    """
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        text = ""
    is_json = path.suffix == ".json"
    is_whole = text.rstrip().endswith("}") if is_json else text.endswith("\n")
    if not (text.strip() and is_whole):
        raise ValueError(
            f"{path} says that the run is finished, but it is empty or cut short, got "
            f"{text[-40:]!r} at its end. Remove it, and start the command again."
        )
    return text.removesuffix("\n")


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
