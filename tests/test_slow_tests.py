"""The list of slow tests is what the reports say, and names tests that there are."""

import csv
import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
REPORT = """<testsuites><testsuite>
  <testcase classname="tests.a.test_b" name="test_c[x]" time="100.0" />
  <testcase classname="tests.a.test_b" name="test_d" time="0.5" />
  <testcase classname="tests.a.test_b" name="test_e" time="0.1"><skipped /></testcase>
</testsuite></testsuites>"""


@pytest.fixture(scope="module")
def tool():
    return runpy.run_path(str(ROOT / "scripts" / "slow_tests.py"))


def test_a_report_replaces_the_lines_of_what_it_ran(tool, tmp_path):
    report = tmp_path / "torch.xml"
    report.write_text(REPORT)
    lines = [
        {"on": on, "test": f"tests/a/test_b.py::{name}", "seconds": "50.0"}
        for on in ("torch", "tensorflow jax")
        for name in ("test_d", "test_e")
    ]
    seconds = tool["read_seconds"](report)

    def merged(on, *reports):
        return [
            (line["test"].split("::")[1], line["seconds"])
            for line in tool["merge"](lines, on, reports)
            if line["on"] == on
        ]

    # test_e did not run.
    assert merged("torch", seconds) == [("test_c[x]", "100.0"), ("test_e", "50.0")]
    # Quick on one of two backends is not quick.
    both = [("test_c[x]", "100.0"), ("test_d", "50.0"), ("test_e", "50.0")]
    assert merged("tensorflow jax", seconds, {}) == both
    del both[1]
    assert merged("tensorflow jax", seconds, seconds) == both
    assert len(tool["merge"](lines, "torch", [{}])) == len(lines)


def test_slow_tests_are_tests():
    """A test that was renamed would run unlisted, and its line would stay for ever."""
    with (ROOT / "tests" / "slow_tests.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert lines
    for line in lines:
        path, _, name = line["test"].partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text("utf-8")
