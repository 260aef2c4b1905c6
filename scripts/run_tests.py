"""Run the checks and the test suite on several backends, and sum up.

    python scripts/run_tests.py checks tensorflow jax torch -- -k pool

What follows ``--`` goes to pytest. The summary has a line for each step and ends with
``N passed, N failed, N skipped`` over all backends. The exit status is 1 if a check
or a test failed, or if a backend ran no test at all.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "build" / "reports"
CHECKS = {
    "ruff check": ["ruff", "check"],
    "ruff format": ["ruff", "format", "--check"],
    "mypy": ["mypy", "keras_drmm"],
}
BACKENDS = ("tensorflow", "jax", "torch")
WITHOUT_TENSORFLOW = "without-tensorflow"


class Counts(NamedTuple):
    """How many tests ended in which way."""

    passed: int
    failed: int
    skipped: int

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def run(title, command, **variables):
    """Run a command in the repository's root, with environment variables added.

    Returns:
        Its exit status.
    """
    print(f"\n### {title}", flush=True)
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}).returncode


def run_suite(step, python, pytest_args):
    """Run pytest for one step.

    Args:
        step: Name of a backend, or "without-tensorflow".
        python: Path of the interpreter.
        pytest_args: List of arguments for pytest.

    Returns:
        The counts, and what is wrong beyond failed tests (or an empty string).
    """
    variables = {
        "KERAS_BACKEND": step,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "OMP_WAIT_POLICY": "passive",  # else torch's idle threads spin
        # Tests run side by side: each with the threads of one core.
        "OMP_NUM_THREADS": "1",
        # Of JAX: tests compile much and compute little. Without the emitters of fused
        # loops XLA compiles a small operation in about half the time.
        "XLA_FLAGS": "--xla_backend_optimization_level=0"
        " --xla_cpu_use_fusion_emitters=false",
    }
    if step == WITHOUT_TENSORFLOW:
        variables["KERAS_BACKEND"] = "jax"
        probe = [python, "-c", "import tensorflow"]
        if subprocess.run(probe, capture_output=True).returncode == 0:
            return Counts(0, 1, 0), "TensorFlow is installed"
    report = REPORTS / f"{step}.xml"
    report.unlink(missing_ok=True)
    # The tests of a file stay together: they share models that took long to compile.
    workers = ["--numprocesses", "auto", "--dist", "loadfile"]
    command = [python, "-m", "pytest", f"--junitxml={report}", *workers, *pytest_args]
    status = run(f"pytest, {step}", command, **variables)

    if not report.exists():
        return Counts(0, 1, 0), f"pytest crashed with status {status}"
    counts = read_report(report)
    if counts.passed + counts.failed == 0:
        return counts, "no test ran"
    if status != 0 and counts.failed == 0:
        return counts, f"pytest ended with status {status}"
    return counts, ""


def read_report(report):
    """Read the counts from a JUnit report that pytest wrote."""
    suite = ET.parse(report).getroot().find("testsuite")
    tests, failures, errors, skipped = (
        int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return Counts(max(tests - failed - skipped, 0), failed, skipped)


def main(argv):
    """Run the steps, print the summary and return the exit status."""
    split = argv.index("--") if "--" in argv else len(argv)
    pytest_args = argv[split + 1 :]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = ("checks", *BACKENDS, WITHOUT_TENSORFLOW)
    parser.add_argument("steps", nargs="+", choices=steps, metavar="step")
    parser.add_argument(
        "--python-without-tensorflow",
        default=sys.executable,
        help="the interpreter of the environment without TensorFlow",
    )
    parser.add_argument(
        "--args-without-tensorflow",
        type=shlex.split,
        default=[],
        help="more arguments for pytest there",
    )
    arguments = parser.parse_args(argv[:split])

    rows, suites, good = [], [], True
    for step in arguments.steps:
        if step == "checks":
            for title, command in CHECKS.items():
                status = run(title, [sys.executable, "-m", *command])
                rows.append((title, "failed" if status else "passed"))
                good = good and status == 0
            continue
        start = time.monotonic()
        if step == WITHOUT_TENSORFLOW:
            python = arguments.python_without_tensorflow
            extra = arguments.args_without_tensorflow
        else:
            python, extra = sys.executable, []
        counts, problem = run_suite(step, python, [*extra, *pytest_args])
        suites.append(counts)
        seconds = f"{time.monotonic() - start:.0f} s"
        rows.append((step, ", ".join(filter(None, (str(counts), problem, seconds)))))
        good = good and counts.failed == 0 and not problem

    print("\n### Summary")
    for title, result in rows:
        print(f"{title:<20}{result}")
    if suites:
        print(f"\n{Counts(*map(sum, zip(*suites, strict=True)))}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
