"""README's results against means that are computed here from the CSV files."""

import csv
import json
import re
import shlex
import statistics

import pytest

from recipes.common import results
from recipes.reporting import readme, records
from recipes.tables.cells import Cell
from recipes.tables.training import default_epochs
from tests.recipes.reporting.rows import cells_of, row
from tests.recipes.tables.command_line import options

pytestmark = pytest.mark.smoke


@pytest.fixture(scope="module")
def lines():
    """The lines of README's table, as it stands in the file."""
    text = (results.PROJECT / "README.md").read_text()
    between = text.split(readme.START)[1].split(readme.END)[0]
    return cells_of(between[between.index("| what") :])


@pytest.fixture(scope="module")
def recorded():
    with (results.RESULTS / "tables.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def runs_of(recorded, cell):
    """Return the last run of each draw of a cell, with its last settings."""
    own = [
        row
        for row in recorded
        if (row["table"], row["setting"], row["model"], row["labels"]) == cell
        and int(row["epochs"]) == default_epochs(Cell.of(row))
    ]
    settings = [json.loads(row["settings"]) for row in own]
    same = [
        row
        for row, v in zip(own, settings, strict=True)
        if v | {"dtype": None} == settings[-1] | {"dtype": None}
    ]
    return list({row["draw"]: row for row in same}.values())


def spread(runs):
    errors = [float(run["test_error"]) for run in runs]
    text = f"{statistics.mean(errors):.2f}"
    return text + (f" ± {statistics.stdev(errors):.2f}" if len(errors) > 1 else "")


def cell_of(line):
    """Return the cell that a line's command trains."""
    name, *arguments = shlex.split(line[6].strip("`"))
    assert name == "table"
    cell = Cell.of(vars(options(*arguments)))
    return str(cell.table), cell.setting, cell.model, str(cell.labels)


def test_every_number_is_that_of_the_rows_its_command_makes(lines, recorded):
    assert 8 <= len(lines) <= 12
    for line in lines:
        cell = cell_of(line)
        runs = runs_of(recorded, cell)
        assert line[1] == f"{int(cell[3]):,}"
        assert line[2] == f"{spread(runs)} ({len(runs)})"
        seconds = statistics.median(int(run["seconds"]) for run in runs)
        number, unit = line[5].split()
        assert int(number) == round(seconds / {"s": 1, "min": 60}[unit])


def test_the_paper_s_figures_are_those_of_its_tables(lines):
    found = records.published(results.read_rows("paper"))
    shown = {cell_of(line): line[3] for line in lines}
    for cell, error in shown.items():
        assert error == next(iter(found.get(cell, {"": ""}).values()))
    # Read off the paper.
    few = "1", "semi-supervised"
    assert shown[*few, "drmm_conv_small", "3000"] == "0.91"
    assert shown[*few, "rfm", "100"] == "14.47"
    assert shown[*few, "ladder", "100"] == "1.06"
    assert shown["1", "unsupervised-pretraining", "drmm_conv_small", "100"] == "12.03"


def test_the_best_baseline_is_the_smallest_of_its_means(lines, recorded):
    for line in lines:
        _, setting, model, labels = cell_of(line)
        if model in ("ladder", "pseudo_label", "swwae"):
            assert line[4] == ""
            continue
        levels = {"drmm_conv_small": "", "drmm_lenet": "_2", "rfm": "_1"}[model]
        cells = {"convnet": ("5", "labeled-only", f"convnet{levels}", labels)}
        if labels == "60000":
            cells = {"convnet": ("3", "supervised", "convnet", labels)}
        elif model == "drmm_conv_small" and setting.startswith("semi"):
            peers = {
                "pseudo-label": "pseudo_label",
                "ladder network": "ladder",
                "SWWAE": "swwae",
            }
            for name, peer in peers.items():
                cells[name] = "1", "semi-supervised", peer, labels
        errors, name = re.fullmatch(r"(.+) \((.+)\)", line[4]).groups()
        assert errors == spread(runs_of(recorded, cells[name]))
        others = [
            spread(v) for v in (runs_of(recorded, c) for c in cells.values()) if v
        ]
        assert float(errors.split()[0]) == min(float(v.split()[0]) for v in others)


def test_what_stands_around_the_results_is_kept(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{readme.START}old\n{readme.END}after\n")
    readme.write(path)
    found = results.read_rows("tables"), results.read_rows("paper")
    written = f"{readme.headline(*found)}\n{readme.table(*found)}"
    text = f"before\n{readme.START}{written}{readme.END}after\n"
    assert path.read_text() == text
    # Written again it stays as it is.
    readme.write(path)
    assert path.read_text() == text


def test_the_headline_says_which_figure_of_the_paper_is_reached():
    def text(second):
        network = {"setting": "semi-supervised, second network", "epochs": "3"}
        rows = [
            row("drmm_conv_small", "1.0", "0"),
            row("drmm_conv_small", "2.0", "1"),
            row("drmm_conv_small", second, **network),
            row("drmm_conv_small", second, "1", **network),
        ]
        return " ".join(readme.headline(rows, results.read_rows("paper")).split())

    assert "has an error of 1.50 ± 0.71 % (2 runs), and a second" in text("0.9")
    assert "taught by it has 0.90 ± 0.00 % (2 runs). The paper" in text("0.9")
    deep = "3.50 % for DRMM 5-layer (reached)"
    assert f"0.57 % for DRMM 5-layer NN+KL (not reached) and {deep}" in text("0.9")
    assert f"0.57 % for DRMM 5-layer NN+KL (reached) and {deep}" in text("0.56")
    with pytest.raises(ValueError, match="has no row with today's epochs"):
        readme.headline([], results.read_rows("paper"))


def test_minutes_stand_for_many_seconds():
    assert readme.duration(99.4) == "99 s"
    assert readme.duration(100) == "2 min"
    assert readme.duration(545) == "9 min"
