"""Which rows are shown, and which are runs of one experiment."""

import json
import statistics
from dataclasses import replace

import pytest

from recipes.common import results
from recipes.reporting import records
from recipes.reporting.cell_tables import NO_TERMS
from recipes.tables.cells import Cell, all_cells
from tests.recipes.reporting.rows import row

pytestmark = pytest.mark.smoke


def test_rows_of_other_settings_are_apart():
    rows = [
        row("rfm", "1.0", "0"),
        row("rfm", "3.0", "1"),
        # Another weight, and other epochs.
        row("rfm", "8.0", "1", weight=2.0),
        row("rfm", "9.0", "1", epochs="6"),
        # Another cell.
        row("rfm", "5.0", "1", labels="600"),
    ]
    found = records.grouped_by_settings(rows)
    assert [[run["test_error"] for run in runs] for _, runs in found] == [
        ["1.0", "3.0"],
        ["8.0"],
        ["9.0"],
        ["5.0"],
    ]
    assert found[0][0] == ("1", "semi-supervised", "rfm", "100")


def test_precision_and_the_order_of_keys_do_not_separate_rows():
    first, second = row("rfm", "1.0"), row("rfm", "3.0", "1", dtype="mixed_bfloat16")
    backwards = dict(reversed(json.loads(second["settings"]).items()))
    # As JSON has it, 2 and 2.0 are one number.
    backwards["epochs"] = 5.0
    second["settings"] = json.dumps(backwards)
    ((_, runs),) = records.grouped_by_settings([first, second])
    assert (
        records.spread(runs, "test_error") == f"2.00 ± {statistics.stdev([1, 3]):.2f}"
    )


def test_the_last_row_of_a_draw_and_seed_counts():
    rows = [row("rfm", error, draw) for error, draw in (("9", "0"), ("4", "1"))]
    rows += [row("rfm", "2", "0"), row("rfm", "3", "0", seed="1")]
    ((_, runs),) = records.grouped_by_settings(rows)
    assert [run["test_error"] for run in runs] == ["2", "4", "3"]
    assert records.spread(runs[:1], "test_error") == "2.00"


def test_a_cell_is_shown_with_its_last_settings():
    old = row("drmm_conv_small", "9", "1", weight=3.0)
    new = [row("drmm_conv_small", error, error) for error in ("1", "2")]
    # A longer run does not stand for the cell, whenever it was made.
    longer = row("drmm_conv_small", "0", epochs="15")
    retired = row("drmm_conv_small", "5", setting="semi-supervised, pose", epochs="8")
    cifar = row("drmm_conv_small", "40", table="4", epochs="100")
    rows = [old, *new, longer, retired, cifar]
    assert records.last_settings(rows) == new


def test_every_cell_that_was_run_is_shown():
    """None is left out because its epochs changed and its runs were not repeated."""
    rows = results.read_rows("tables")
    recorded, shown = (
        {replace(Cell.of(row), draw=0) for row in found}
        for found in (rows, records.last_settings(rows))
    )
    cells = {replace(cell, draw=0) for cell in all_cells()} & recorded
    assert len(cells) > 50
    assert shown >= cells


def test_recorded_settings_agree_with_the_other_columns():
    for found in results.read_rows("tables"):
        settings = json.loads(found["settings"])
        assert found["settings"] == json.dumps(settings, sort_keys=True)
        assert settings["epochs"] == int(found["epochs"])
        is_half = "--dtype mixed_bfloat16" in found["command"]
        assert settings["dtype"] == ("mixed_bfloat16" if is_half else "float32")
        assert settings["optimizer"]["name"] == "Adam"
        objective = settings["objective"]
        if found["objective"]:
            # The words that the recipe recorded beside them.
            words = found["objective"].split(", ")
            terms = [word for word in words if word[-1].isdigit()]
            augmentation = ", ".join(words[len(terms) :]) or None
            assert objective["augmentation"] == augmentation
            weights = {k: float(v) for k, v in (term.split() for term in terms)}
            found_terms = {k: v for k, v in objective.items() if k not in NO_TERMS}
            assert found_terms == weights
        is_pretrained = found["setting"] == "unsupervised-pretraining"
        assert ("pretraining" in settings) == is_pretrained


def test_few_labels_stand_beside_the_paper_s_figure_of_the_same_terms():
    """NN + KL where the paper has it, and that of its setting for all ways to learn."""
    found = records.published(results.read_rows("paper"))
    ways = "semi-supervised", "semi-supervised, second network"
    for setting in ways:
        errors = found["1", setting, "drmm_conv_small", "100"]
        # The nearest to ours is the first.
        assert list(errors.items()) == [
            ("DRMM 5-layer NN+KL", "0.57"),
            ("DRMM 5-layer", "3.50"),
        ]
        deep = found["1", setting, "drmm_conv_small", "600"]
        assert deep == {"DRMM 5-layer": "1.56"}
    key = "1", "unsupervised-pretraining", "drmm_conv_small", "100"
    assert found[key] == {"DRMM 5-layer": "12.03"}
    key = "4", "semi-supervised", "drmm_lenet", "4000"
    assert found[key] == {"DRMM 2-layer": "39.2"}
