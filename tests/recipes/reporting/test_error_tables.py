"""The tables of test errors, one for each question."""

import statistics

import pytest

from recipes.reporting import error_tables, records
from tests.recipes.reporting.rows import cells_of, row

pytestmark = pytest.mark.smoke


def test_means_stand_beside_the_paper_s_figure():
    """That of the same table, setting, model and labels."""
    rows = [
        row("rfm", error, draw, epochs="8", seconds=seconds)
        for error, draw, seconds in (
            ("99.0", "0", "1"),
            ("14.0", "1", "10"),
            ("12.0", "0", "20"),
        )
    ]
    # Of other tables and settings.
    rows += [
        row("rfm", "1.0", setting="labeled-only", table="5", epochs="2500"),
        row("rfm", "1.0", table="3", labels="60000", epochs="10"),
    ]
    table = error_tables.few_labels(rows, records.rows("paper"))
    spread = f"13.00 ± {statistics.stdev([12, 14]):.2f}"
    assert cells_of(table) == [
        ["`rfm`", "100", spread, "2", "14.47", "-1.47", "15"],
    ]


def test_variants_stand_below_and_say_what_they_are():
    nuisances = {"setting": "semi-supervised, nuisances", "epochs": "8"}
    second = {"setting": "semi-supervised, second network", "epochs": "3"}
    rows = [
        row("drmm_conv_small", "1", **second),
        row("drmm_conv_small", "2", **nuisances),
        row("drmm_lenet", "3", epochs="6"),
        row("drmm_conv_small", "4", labels="1000"),
        row("drmm_conv_small", "5"),
    ]
    table = error_tables.few_labels(rows, [])
    assert [line[:3] for line in cells_of(table)] == [
        ["`drmm_conv_small`", "100", "5.00"],
        ["`drmm_conv_small`", "1000", "4.00"],
        ["`drmm_lenet`", "100", "3.00"],
        ["`drmm_conv_small`, nuisances", "100", "2.00"],
        ["`drmm_conv_small`, second network", "100", "1.00"],
    ]


def test_pretrained_models_stand_beside_the_same_without():
    setting = "unsupervised-pretraining"
    rows = [
        row("rfm", "7", setting=setting, epochs="2500"),
        row("rfm", "5", setting="labeled-only", table="5", epochs="2500"),
        row("rfm", "3", table="3", setting=setting, labels="60000", epochs="10"),
        row("rfm", "2", table="3", setting="supervised", labels="60000", epochs="10"),
        # By other settings than the same model without pre-training.
        row("drmm_lenet", "9", setting=setting, epochs="500", weight=2.0),
        row("drmm_lenet", "8", setting="labeled-only", table="5", epochs="500"),
    ]
    table = error_tables.pretraining(rows, records.rows("paper"))
    assert cells_of(table) == [
        ["`drmm_lenet`", "100", "9.00", "", "1", "", "", "10"],
        ["`rfm`", "100", "7.00", "5.00", "1", "16.2", "-9.20", "10"],
        ["`rfm`", "60000", "3.00", "2.00", "1", "1.17", "+1.83", "10"],
    ]


def test_baselines_stand_beside_our_model_of_as_many_labels():
    alone = {"table": "5", "setting": "labeled-only"}
    rows = [
        row("drmm_conv_small", "1"),
        # No baseline has so many labels.
        row("drmm_conv_small", "1", labels="600"),
        row("ladder", "2", epochs="3"),
        row("convnet", "3", epochs="500", **alone),
        row("convnet", "3", epochs="83", labels="600", **alone),
        row("pseudo_label", "4"),
    ]
    table = error_tables.baselines(rows, records.rows("paper"))
    assert [line[:3] + line[4:5] for line in cells_of(table)] == [
        ["100", "`drmm_conv_small`", "1.00", "0.57"],
        ["100", "`pseudo_label`", "4.00", ""],
        ["100", "`ladder`", "2.00", "1.06"],
        ["100", "`convnet`", "3.00", ""],
    ]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (error_tables.labelled_images_alone, ("5", "labeled-only")),
        (error_tables.all_labels, ("3", "supervised")),
    ],
)
def test_other_questions_have_the_rows_of_their_setting(table, key):
    rows = records.rows("tables")
    wanted = {
        (f"`{row['model']}`", row["labels"])
        for row in records.last_settings(rows)
        if (row["table"], row["setting"]) == key
    }
    lines = cells_of(table(rows, records.rows("paper")))
    found = {tuple(line[1:3] if line[0] == key[1] else line[:2]) for line in lines}
    assert found >= wanted
    assert len(wanted) >= 9
