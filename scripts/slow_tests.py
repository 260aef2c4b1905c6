"""Write the list of tests that `make test` leaves to `make test-slow`.

    make test-slow
    python scripts/slow_tests.py

Reads the seconds of each test from the reports that a run of the suite left in
`build/reports`, one for each backend, and writes `tests/slow_tests.csv`. What takes
long on TensorFlow or on JAX compiles much, so that these two share their lines. A test
that took at least `LIMIT` seconds on one of them runs on both with `--slow` alone. A
line goes away when the reports of all its backends say that the test is quick.
"""

import csv
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "build" / "reports"
LIST = ROOT / "tests" / "slow_tests.csv"
COLUMNS = ("on", "test", "seconds")
# A backend that compiles pays again for what PyTorch's run has shown already. JAX
# compiles nearly every operation of a test: more of them take long there.
LIMIT = {"torch": 6.0, "tensorflow": 3.0, "jax": 6.0}
GROUPS = ("torch", "tensorflow jax")


def read_seconds(report):
    """Return the seconds of each test that ran, by its name as pytest has it."""
    seconds = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        if case.find("skipped") is None:
            file = case.get("classname").replace(".", "/") + ".py"
            seconds[f"{file}::{case.get('name')}"] = float(case.get("time"))
    return seconds


def merge(lines, on, reports):
    """Return the lines of the list after runs on some backends.

    Args:
        lines: list of dictionaries with the keys `COLUMNS`.
        on: one of `GROUPS`.
        reports: for each of its backends a dictionary from the tests that ran to their
            seconds, empty where there was no run.
    """
    slow = {line["test"]: float(line["seconds"]) for line in lines if line["on"] == on}
    limits = [LIMIT[backend] for backend in on.split()]
    for test in set().union(*reports):
        found = [report.get(test, 0.0) for report in reports]
        if any(v >= limit for v, limit in zip(found, limits, strict=True)):
            slow[test] = max(found)
        elif all(test in report for report in reports):
            slow.pop(test, None)
    return [line for line in lines if line["on"] != on] + [
        {"on": on, "test": test, "seconds": f"{seconds:.1f}"}
        for test, seconds in sorted(slow.items())
    ]


def main():
    """Read the reports that there are, and write the list."""
    lines = []
    if LIST.exists():
        with LIST.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
    for on in GROUPS:
        paths = [REPORTS / f"{backend}.xml" for backend in on.split()]
        reports = [read_seconds(path) if path.exists() else {} for path in paths]
        lines = merge(lines, on, reports)
    with LIST.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    print(f"{len(lines)} lines in {LIST}")


if __name__ == "__main__":
    main()
