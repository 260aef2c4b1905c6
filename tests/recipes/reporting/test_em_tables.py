"""The tables of what learns by EM."""

import statistics

import pytest

from recipes.reporting import em_tables
from tests.recipes.reporting.rows import cells_of

pytestmark = pytest.mark.smoke


def test_the_benchmark_s_tables_take_medians_and_last_errors():
    rows = [
        {"measure": "sweep", "method": "EG", "seconds": seconds}
        for seconds in ("5.0", "1.0", "3.0")
    ]
    rows += [
        {"measure": "learn", "method": "EG", "seed": seed}
        | {"epoch": epoch, "seconds": "9.0", "error": error}
        for seed, epoch, error in (
            ("0", "1", "0.5"),
            ("0", "2", "0.1"),
            ("1", "1", "0.4"),
            ("1", "2", "0.3"),
        )
    ]
    sizes = {"images": "50", "channels": "8", "kernel_size": "3", "seconds": "0.25"}
    rows.append({"measure": "growth"} | sizes)
    assert cells_of(em_tables.seconds(rows)) == [["sweep: EG", "3", "3"]]
    assert cells_of(em_tables.growth(rows)) == [["50", "8", "3x3", "0.2500"]]
    spread = f"0.2000 ± {statistics.stdev([0.1, 0.3]):.4f}"
    assert cells_of(em_tables.learning(rows)) == [["EG", spread, "2", "9", "2"]]


def test_classification_has_a_line_for_each_run():
    names = "model", "setting", "labels", "test_error", "seconds"
    runs = [
        ("rfm", "semi-supervised", "100", "36.2", "108"),
        ("rfm", "b", "0", "7", "9"),
    ]
    rows = [dict(zip(names, run, strict=True)) for run in runs]
    assert cells_of(em_tables.classification(rows)) == [list(run) for run in runs]


def test_rmm_table_adds_up_rises():
    rows = [
        {"labels": "100", "draw": draw, "seed": "0", "test_error": error}
        | {"rises": "1", "seconds": seconds, "test_log_prob": "200.0"}
        for draw, error, seconds in (("0", "6.0", "30.0"), ("1", "7.0", "50.0"))
    ]
    spread = f"6.50 ± {statistics.stdev([6, 7]):.2f}"
    assert cells_of(em_tables.rmm(rows)) == [
        ["100", spread, "200.00 ± 0.00", "2", "40", "2"]
    ]
