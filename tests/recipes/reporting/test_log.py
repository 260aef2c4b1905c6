"""The log has every cell with all its settings."""

import csv
import json
import statistics

import pytest

from recipes.common import results
from recipes.reporting import log
from tests.recipes.reporting.rows import cells_of, row

pytestmark = pytest.mark.smoke


def test_every_cell_of_the_rows_is_in_the_log():
    with (results.RESULTS / "tables.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = "table", "setting", "model", "labels", "epochs"
    recorded = {tuple(row[name] for name in names) for row in rows}
    text = (results.PROJECT / "docs" / "results_log.md").read_text()
    table = text[text.index("| table |") :].split("\n\n")[0]
    lines = cells_of(table)
    assert {tuple(line[:5]) for line in lines} == recorded
    # Runs that were repeated count once, no other is missing.
    runs = set()
    for found in rows:
        settings = json.loads(found["settings"]) | {"dtype": None}
        run = [found[name] for name in (*names, "draw", "seed")]
        runs.add((*run, json.dumps(settings, sort_keys=True)))
    assert sum(int(line[8]) for line in lines) == len(runs)


def test_settings_of_a_cell_have_lines_of_their_own():
    rows = [
        row("rfm", "3.0", epochs="8", weight=2.0),
        row("rfm", "1.0", epochs="8", dtype="mixed_bfloat16"),
        row("rfm", "2.0", "1", epochs="8"),
        row("rfm", "4.0", epochs="9"),
    ]
    cell, both = ["1", "semi-supervised", "rfm", "100"], "bfloat16, float32"
    spread = f"1.50 ± {statistics.stdev([1, 2]):.2f}"
    found = cells_of(log.cells_table(rows))
    assert [set(v[6].split(", ")) for v in found] == [
        {"float32"},
        set(both.split(", ")),
        {"float32"},
    ]
    assert [v[:6] + v[7:] for v in found] == [
        [*cell, "8", "1", "3.00", "1", "10", ""],
        [*cell, "8", "2", spread, "2", "10", "yes"],
        # Equal settings have one number, whatever the epochs.
        [*cell, "9", "2", "4.00", "1", "10", ""],
    ]


def test_settings_are_in_words():
    found = row("rfm", "1.0")
    settings = json.loads(found["settings"])
    settings["objective"] |= {"reconstruction": 0.05, "augmentation": "Pose"}
    settings["objective"] |= {"render_divisor": 16, "warmup_steps": 1000}
    settings["objective"]["marginal_chance"] = 0.95
    settings["pretraining"] = {"images": 10000, "sweeps": 5, "step": 0.5}
    other = found | {"settings": json.dumps(settings)}
    plain, full = cells_of(log.settings_table([found, other]))
    assert plain == ["1", "cross_entropy 1", "-", "-", "-", "Adam 0.002"]
    words = "cross_entropy 1, reconstruction 0.05, marginal_chance 0.95; before that "
    words += "5 sweeps of hard EM over 10,000 images"
    assert full == ["2", words, "Pose", "16", "1000", "Adam 0.002"]
