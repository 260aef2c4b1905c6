"""The tables of the cells: errors by question, speed, and the log of all runs."""

import csv
import json
import statistics

import pytest

from recipes.common import results
from recipes.reporting import cell_tables, records
from tests.recipes.reporting.rows import cells_of, row

pytestmark = pytest.mark.smoke
CELL = {"table": "1", "setting": "semi-supervised", "model": "swwae", "labels": "100"}
RUN = {"draw": "0", "seed": "0"}


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
    table = cell_tables.few_labels(rows, results.read_rows("paper"))
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
    table = cell_tables.few_labels(rows, [])
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
    table = cell_tables.pretraining(rows, results.read_rows("paper"))
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
    table = cell_tables.baselines(rows, results.read_rows("paper"))
    assert [line[:3] + line[4:5] for line in cells_of(table)] == [
        ["100", "`drmm_conv_small`", "1.00", "0.57"],
        ["100", "`pseudo_label`", "4.00", ""],
        ["100", "`ladder`", "2.00", "1.06"],
        ["100", "`convnet`", "3.00", ""],
    ]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (cell_tables.labelled_images_alone, ("5", "labeled-only")),
        (cell_tables.all_labels, ("3", "supervised")),
    ],
)
def test_other_questions_have_the_rows_of_their_setting(table, key):
    rows = results.read_rows("tables")
    wanted = {
        (f"`{row['model']}`", row["labels"])
        for row in records.last_settings(rows)
        if (row["table"], row["setting"]) == key
    }
    lines = cells_of(table(rows, results.read_rows("paper")))
    found = {tuple(line[1:3] if line[0] == key[1] else line[:2]) for line in lines}
    assert found >= wanted
    assert len(wanted) >= 9


def test_speed_is_that_of_the_first_epoch_below_a_threshold():
    rows = [
        CELL
        | {"table": table, "epochs": epochs, "draw": draw, "seed": "0", "epoch": epoch}
        | {"seconds": seconds, "validation_error": error}
        for table, epochs, draw, epoch, seconds, error in (
            # Run again below.
            ("1", "1", "0", "1", "5", "1.0"),
            ("1", "1", "0", "1", "1010", "1.9"),
            ("1", "1", "0", "2", "1020", "1.4"),
            # A run of other epochs is none of the others, nor is one of CIFAR-10.
            ("1", "10", "0", "1", "1008", "1.2"),
            ("4", "1", "2", "1", "7", "1.0"),
            ("1", "1", "1", "1", "12", "2.1"),
            ("1", "1", "1", "2", "1024", "1.6"),
        )
    ]
    today = ["semi-supervised", "swwae", "100", "1", "2", "1.5", "1017", "-", "-"]
    longer = ["semi-supervised", "swwae", "100", "10", "1", "1", "1008", "1", "1008"]
    assert cells_of(cell_tables.all_first_below(rows)) == [today, longer]
    # Today's epochs of SWWAE are 1.
    assert cells_of(cell_tables.first_below(rows)) == [today]


def test_models_that_reach_no_threshold_are_left_out():
    rows = [
        CELL
        | RUN
        | {"model": model, "epochs": epochs, "epoch": "1", "seconds": "1"}
        | {"validation_error": error}
        for model, epochs, error in (("swwae", "1", "2.0"), ("ladder", "3", "1.99"))
    ]
    (line,) = cells_of(cell_tables.first_below(rows))
    assert line[1] == "ladder"
    assert len(cells_of(cell_tables.all_first_below(rows))) == 2
    # A retired setting has no epochs of today.
    retired = [row | {"setting": "semi-supervised, pose"} for row in rows]
    assert cells_of(cell_tables.first_below(retired)) == []


def test_shortest_runs_are_those_of_figure_2_at_their_ends():
    rows = [
        {"table": "3", "setting": "supervised", "model": model, "labels": labels}
        | {"draw": "0", "seed": seed, "epochs": epochs, "epoch": epoch}
        | {"seconds": f"{epoch}0", "validation_error": error}
        for model, labels, seed, epochs, epoch, error in (
            ("convnet", "55000", "0", "2", "1", "9"),
            ("convnet", "55000", "0", "2", "2", "1.5"),
            ("convnet", "55000", "0", "1", "1", "3"),
            ("convnet", "55000", "1", "1", "1", "4"),
            ("convnet", "60000", "0", "1", "1", "8"),
        )
    ]
    assert cells_of(cell_tables.shortest(rows)) == [
        ["convnet", "1", f"3.50 ± {statistics.stdev([3, 4]):.2f}", "2", "10"],
        ["convnet", "2", "1.50", "1", "20"],
    ]


def test_colour_images_stand_in_pairs():
    rows = [
        row(model, error, table="4", setting=setting, labels=labels, epochs=epochs)
        for model, setting, labels, error, epochs in (
            ("convnet_2", "supervised", "4000", "45", "125"),
            ("drmm_lenet", "semi-supervised, shift and mirror", "4000", "39", "30"),
            ("drmm_lenet", "semi-supervised", "4000", "40", "30"),
            ("drmm_conv_large", "semi-supervised", "50000", "10", "6"),
        )
    ]
    paper = results.read_rows("paper")
    lines = cells_of(cell_tables.colour(rows, paper))
    assert [line[:7] for line in lines] == [
        [
            "semi-supervised",
            "`drmm_conv_large`",
            "50000",
            "10.00",
            "1",
            "11.37",
            "-1.37",
        ],
        ["semi-supervised", "`drmm_lenet`", "4000", "40.00", "1", "39.2", "+0.80"],
        ["supervised", "`convnet_2`", "4000", "45.00", "1", "", ""],
        [
            "semi-supervised, shift and mirror",
            "`drmm_lenet`",
            "4000",
            "39.00",
            "1",
            "39.2",
            "-0.20",
        ],
    ]


def test_steps_have_the_ratios_of_each_backends_last_commit():
    names = "measure", "backend", "unit", "ratio", "commit"
    rows = [
        dict(zip(names, values, strict=True))
        for values in (
            ("EG step", "jax", "ms", "9.0", "a"),
            ("of other days", "jax", "ms", "9.0", "a"),
            ("EG step", "torch", "ms", "1.7", "a"),
            ("peak memory", "jax", "MiB", "1.2", "b"),
            ("peak memory", "torch", "MiB", "1.2", "a"),
            ("EG step, bfloat16", "jax", "ms", "1.2", "b"),
            ("EG step", "jax", "ms", "1.9", "b"),
            # Measured again.
            ("EG step", "jax", "ms", "1.8", "b"),
        )
    ]
    assert cell_tables.steps(rows).splitlines()[0] == "| ours / stock | jax | torch |"
    assert cells_of(cell_tables.steps(rows)) == [
        ["EG step", "1.8", "1.7"],
        ["EG step, bfloat16", "1.2", "-"],
    ]


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


def test_a_part_of_the_rows_is_augmented_only_where_there_is_an_augmentation():
    rows = [row("rfm", "1", weight=weight) for weight in (1.0, 2.0)]
    for found, augmentation in zip(rows, (None, "GaussianNoise"), strict=True):
        settings = json.loads(found["settings"])
        settings["objective"]["augmentation"] = augmentation
        settings["objective"]["augmentation_divisor"] = 3
        found["settings"] = json.dumps(settings, sort_keys=True)
    lines = cells_of(cell_tables.settings_table(rows))
    assert [line[2] for line in lines] == ["-", "GaussianNoise, of one row in 3"]


def test_settings_of_a_cell_have_lines_of_their_own():
    rows = [
        row("rfm", "3.0", epochs="8", weight=2.0),
        row("rfm", "1.0", epochs="8", dtype="mixed_bfloat16"),
        row("rfm", "2.0", "1", epochs="8"),
        row("rfm", "4.0", epochs="9"),
    ]
    cell, both = ["1", "semi-supervised", "rfm", "100"], "bfloat16, float32"
    spread = f"1.50 ± {statistics.stdev([1, 2]):.2f}"
    found = cells_of(cell_tables.cells_table(rows))
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
    plain, full = cells_of(cell_tables.settings_table([found, other]))
    assert plain == ["1", "cross_entropy 1", "-", "-", "-", "Adam 0.002"]
    words = "cross_entropy 1, reconstruction 0.05, marginal_chance 0.95; before that "
    words += "5 sweeps of hard EM over 10,000 images"
    assert full == ["2", words, "Pose", "16", "1000", "Adam 0.002"]
