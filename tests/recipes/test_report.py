"""README's table is made of the rows."""

import csv
import statistics

import pytest

from recipes import report, results

ROW = dict.fromkeys(results.COLUMNS, "")


def row(model, error):
    return ROW | {"model": model, "labels": "100", "test_error": error}


@pytest.mark.smoke
def test_table_means_over_draws():
    table = report.table([row("a", "1.0"), row("b", "9.0"), row("a", "4.0")])
    spread = statistics.stdev([1.0, 4.0])
    assert f"**2.50 ± {spread:.2f}**" in table
    assert table.count("mean of") == 1


def test_readme_is_up_to_date():
    """No number in README's table is typed in."""
    with report.RESULTS.open() as file:
        table = report.table(list(csv.DictReader(file)))
    assert table in (report.PROJECT / "README.md").read_text()


@pytest.mark.smoke
def test_rows_have_all_columns_and_keep_what_was_there(tmp_path):
    path = tmp_path / "rows.csv"
    results.append_row(path, row("a", "1.0"))
    results.append_row(path, row("b", "2.0"))
    with path.open() as file:
        assert [r["model"] for r in csv.DictReader(file)] == ["a", "b"]
    with pytest.raises(ValueError, match="these differ"):
        results.append_row(path, {k: v for k, v in ROW.items() if k != "seed"})
