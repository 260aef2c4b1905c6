"""The benchmark's arithmetic."""

import pytest

from recipes import benchmark_fit


@pytest.mark.smoke
def test_row_compares_the_medians():
    seconds = ([0.3, 0.21, 9.0], [0.2, 0.1, 0.25])
    row = benchmark_fit.summary("arrays", 1500, seconds, epochs=3)
    assert (row["plain"], row["ready_made"], row["ratio"]) == (0.3, 0.2, 1.5)
    assert (row["goal"], row["runs"], row["epochs"]) == (1.05, 3, 3)


@pytest.mark.smoke
def test_short_takes_one_run():
    options = benchmark_fit.parse(["--short", "--runs", "7"])
    assert (options.runs, options.epochs) == (1, 1)
