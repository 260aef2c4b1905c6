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
    assert (options.runs, options.steps) == (1, 1)
    assert benchmark_fit.epochs_of(1500, options.steps) == 1


@pytest.mark.smoke
def test_runs_of_all_sizes_take_about_as_many_steps():
    steps = benchmark_fit.parse([]).steps
    epochs = [benchmark_fit.epochs_of(rows, steps) for rows in benchmark_fit.ROWS]
    # Of 15, 25, 40, 60 and 80 batches.
    assert epochs == [21, 13, 8, 5, 4]
    for rows, number in zip(benchmark_fit.ROWS, epochs, strict=True):
        assert number * rows / 100 == pytest.approx(320, rel=0.07)
    assert benchmark_fit.epochs_of(8000, 20) == 1
