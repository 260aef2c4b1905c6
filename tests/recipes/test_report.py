"""README's table is made of the rows."""

import csv
import statistics

import pytest

from keras_drmm import zoo
from recipes.common import results
from recipes.reporting import figures, other_tables
from recipes.reporting import page as report
from recipes.tables.cells import Cell, all_cells

ROW = dict.fromkeys(results.TABLE_COLUMNS, "")


def row(model, error, draw="0"):
    return ROW | {"model": model, "labels": "100", "draw": draw, "test_error": error}


@pytest.mark.smoke
def test_table_means_over_draws():
    table = other_tables.table([row("a", "1.0"), row("b", "9.0"), row("a", "4.0", "1")])
    spread = statistics.stdev([1.0, 4.0])
    assert f"**2.50 ± {spread:.2f}**" in table
    assert table.count("mean of") == 1


def test_readme_and_site_are_up_to_date():
    """No number in their tables is typed in."""
    rows = report.rows("tables"), report.rows("paper")
    readme = (report.PROJECT / "README.md").read_text()
    for part in (report.readme_table, report.headline):
        assert part(*rows) in readme
    assert (report.PROJECT / "docs" / "results.md").read_text() == report.page()


@pytest.mark.smoke
def test_readme_keeps_what_stands_around_the_table(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "write", lambda *found: drawn.append(found[-1]))
    monkeypatch.setattr(report, "PROJECT", tmp_path)
    (tmp_path / "docs").mkdir()
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.START}old\n{report.END}after\n")
    report.main()
    found = report.rows("tables"), report.rows("paper")
    table = f"{report.headline(*found)}\n{report.readme_table(*found)}"
    text = f"before\n{report.START}{table}{report.END}after\n"
    assert readme.read_text() == text
    assert (tmp_path / "docs" / "results.md").read_text() == report.page()
    assert drawn == [tmp_path / "docs" / "images"]
    # Written again it stays as it is.
    report.main()
    assert readme.read_text() == text


@pytest.mark.smoke
def test_means_stand_beside_the_paper_s_figure():
    """That of the same table, setting, model and labels; a draw's last run counts."""
    draws = [
        row("rfm", error, draw)
        | {"table": "1", "setting": "semi-supervised", "seconds": "10", "epochs": "5"}
        for error, draw in (("99.0", "0"), ("14.0", "1"), ("12.0", "0"))
    ]
    other = row("drmm_lenet", "3.0")
    other |= {"table": "5", "setting": "labeled-only", "seconds": "5", "epochs": "9"}
    # Runs of other epochs are a mean of their own.
    longer = draws[0] | {"epochs": "15", "test_error": "10.0"}
    table = report.means_table([other, *draws, longer], report.rows("paper"))
    assert [line.split(" | ")[1:8] for line in table.splitlines()[2:]] == [
        ["semi-supervised", "rfm", "100", "5", "13.00 ± 1.41", "2", "14.47"],
        ["semi-supervised", "rfm", "100", "15", "10.00", "1", "14.47"],
        ["labeled-only", "drmm_lenet", "100", "9", "3.00", "1", "12.56"],
    ]
    differences = [line.split(" | ")[8] for line in table.splitlines()[2:]]
    assert differences == ["-1.47", "-4.47", "-9.56"]


@pytest.mark.smoke
def test_few_labels_stand_beside_the_paper_s_figure_of_the_same_terms():
    """NN + KL where the paper has it, and that of its setting for all ways to learn."""
    found = report.published(report.rows("paper"))
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


@pytest.mark.smoke
def test_the_headline_says_which_figure_of_the_paper_is_not_reached():
    def text(second):
        draws = [
            row("drmm_conv_small", error, draw)
            | {"table": "1", "setting": setting, "epochs": epochs}
            for setting, epochs, error, draw in (
                ("semi-supervised", "5", "1.0", "0"),
                ("semi-supervised", "5", "2.0", "1"),
                ("semi-supervised, second network", "3", second, "0"),
            )
        ]
        return " ".join(report.headline(draws, report.rows("paper")).split())

    assert "has an error of 1.50 ± 0.71 % (runs: 2), and a second" in text("0.9")
    assert "learns from it 0.90 % (runs: 1). The paper's: 0.57 % (" in text("0.9")
    assert "; not reached: DRMM 5-layer NN+KL (" in text("0.9")
    assert "; not reached: DRMM 5-layer NN+KL, DRMM 5-layer (" not in text("0.9")
    assert "; all are reached (" in text("0.56")
    with pytest.raises(ValueError, match="has no row of its epochs"):
        report.headline([], report.rows("paper"))


@pytest.mark.smoke
def test_readme_leaves_out_no_cell_that_has_rows():
    """As it would if a cell's epochs were changed and its runs not made again."""
    rows = report.rows("tables")
    shown = {Cell.of(row) for row in report.last_settings(rows)}
    for cell in all_cells():
        if cell.learns_without_labels and cell in {Cell.of(row) for row in rows}:
            assert cell in shown


@pytest.mark.smoke
def test_rows_of_tables_are_apart():
    """Equal models, settings and labels are no draws of one cell, CIFAR-10 none."""
    rows = [
        row("drmm_lenet", error)
        | {"table": table, "setting": "semi-supervised", "epochs": "6", "seconds": "1"}
        for table, error in (("1", "1.0"), ("4", "40.0"))
    ]
    table = report.means_table(rows, [])
    assert [line.split(" | ")[5] for line in table.splitlines()[2:]] == [
        "1.00",
        "40.00",
    ]
    assert report.last_settings(rows) == rows[:1]


@pytest.mark.smoke
def test_presets_stand_with_the_runs_that_they_were_chosen_from():
    card = {"name": "a", "labels": 100, "setting": "b", "test_error": 0.691}
    card |= {"mean_test_error": 0.742, "std_test_error": 0.078, "draws": 5}
    card |= {"chosen": "the best"}
    table = report.presets_table([card, card | {"draws": 1}])
    assert table.splitlines()[2:] == [
        "| a | 100 | b | 0.69 | 0.74 ± 0.08 | the best |",
        "| a | 100 | b | 0.69 | 0.74 | the best |",
    ]
    names = {found["name"] for found in report.cards()}
    assert names == set(zoo.presets())


@pytest.mark.smoke
def test_speed_is_that_of_the_first_epoch_below_a_threshold():
    rows = [
        {"setting": "a", "model": "b", "labels": "100", "draw": draw, "seed": "0"}
        | {"table": table, "epochs": epochs, "epoch": epoch}
        | {"seconds": seconds, "validation_error": error}
        for table, epochs, draw, epoch, seconds, error in (
            # Run again below.
            ("1", "2", "0", "1", "5", "1.0"),
            ("1", "2", "0", "1", "1010", "1.9"),
            ("1", "2", "0", "2", "1020", "1.4"),
            # A run of other epochs is none of the others, nor is one of CIFAR-10.
            ("1", "10", "0", "1", "1008", "1.2"),
            ("4", "2", "2", "1", "7", "1.0"),
            ("1", "2", "1", "1", "12", "2.1"),
            ("1", "2", "1", "2", "1024", "1.6"),
        )
    ]
    lines = report.speed_table(rows).splitlines()[2:]
    assert lines == [
        "| a | b | 100 | 2 | 2 | 1.5 | 1017 | - | - |",
        "| a | b | 100 | 10 | 1 | 1 | 1008 | 1 | 1008 |",
    ]


@pytest.mark.smoke
def test_shortest_runs_are_those_of_figure_2_at_their_ends():
    rows = [
        {"table": "3", "setting": "supervised", "model": model, "labels": labels}
        | {
            "draw": "0",
            "seed": seed,
            "epochs": epochs,
            "epoch": epoch,
            "seconds": f"{epoch}0",
        }
        | {"validation_error": error}
        for model, labels, seed, epochs, epoch, error in (
            ("convnet", "55000", "0", "2", "1", "9"),
            ("convnet", "55000", "0", "2", "2", "1.5"),
            ("convnet", "55000", "0", "1", "1", "3"),
            ("convnet", "55000", "1", "1", "1", "4"),
            ("convnet", "60000", "0", "1", "1", "8"),
        )
    ]
    assert report.shortest_table(rows).splitlines()[2:] == [
        f"| convnet | 1 | 3.50 ± {statistics.stdev([3, 4]):.2f} | 2 | 10 |",
        "| convnet | 2 | 1.50 | 1 | 20 |",
    ]


def test_readme_has_the_last_settings_of_a_cell():
    row = dict.fromkeys(results.TABLE_COLUMNS, "0")
    row |= {"setting": "semi-supervised", "model": "a", "labels": "100"}
    old = row | {"epochs": "9", "test_error": "9"}
    new = row | {"epochs": "5", "test_error": "1"}
    # Of as many epochs, and not a draw of the same cell.
    before = new | {"objective": "", "draw": "1", "test_error": "3"}
    others = [row | {"setting": v} for v in ("supervised", "semi-supervised, pose")]
    # A longer run does not stand for the cell, whenever it was made.
    rows = [old, before, new, *others, row | {"epochs": "15", "test_error": "0"}]
    (line,) = report.readme_table(rows, []).splitlines()[2:]
    assert line.startswith("| 0 | semi-supervised | a | 100 | 5 | 1.00 | 1 |")


@pytest.mark.smoke
def test_ablation_is_ranked_within_equal_epochs():
    rows = [
        {"variant": name, "epochs": epochs, "draw": draw, "seed": "0"}
        | {"seconds": "10", "validation_error": error}
        | {"model": "m", "labels": "100", "validation_images": images}
        for name, epochs, images, draw, error in (
            ("baseline", "3", "50", "0", "2.0"),
            ("no generation", "3", "50", "0", "1.0"),
            ("no generation", "3", "50", "1", "2.0"),
            ("no generation", "3", "90", "1", "3.0"),
            ("baseline", "1", "50", "0", "5.0"),
        )
    ]
    lines = report.ablation_table(rows).splitlines()[2:]
    assert [line.split(" | ")[2:6] for line in lines] == [
        ["baseline", "1", "50", "5.00"],
        ["no generation", "3", "50", "1.50 ± 0.71"],
        ["baseline", "3", "50", "2.00"],
        ["no generation", "3", "90", "3.00"],
    ]


@pytest.mark.smoke
def test_em_tables_take_medians_and_last_errors():
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
    assert other_tables.seconds_table(rows).splitlines()[2] == "| sweep: EG | 3 | 3 |"
    sizes = {"images": "50", "channels": "8", "kernel_size": "3", "seconds": "0.25"}
    growth = other_tables.growth_table([*rows, {"measure": "growth"} | sizes])
    assert growth.splitlines()[2:] == ["| 50 | 8 | 3x3 | 0.2500 |"]
    line = other_tables.learning_table(rows).splitlines()[2]
    assert line == f"| EG | 0.2000 ± {statistics.stdev([0.1, 0.3]):.4f} | 2 | 9 | 2 |"


@pytest.mark.smoke
def test_evolutionary_table_means_over_seeds():
    seeds = [
        row("tree", error, leaves)
        | {"leaves": leaves, "seconds": "2", "predict_seconds": "1"}
        for error, leaves in (("1.0", "10"), ("3.0", "20"))
    ]
    table = other_tables.evolutionary_table(seeds)
    assert f"2.00 ± {statistics.stdev([1.0, 3.0]):.2f} | 15 | 2 |" in table


@pytest.mark.smoke
def test_rmm_table_adds_up_rises():
    seeds = [
        row("rmm", error, seconds)
        | {"rises": "1", "seconds": seconds, "test_log_prob": "200.0"}
        for error, seconds in (("6.0", "30.0"), ("7.0", "50.0"))
    ]
    line = other_tables.rmm_table(seeds).splitlines()[-1]
    assert line.startswith("| 100 | 6.50 ± 0.71 | 200.00 ± 0.00 | 2 | 40 | 2 |")


@pytest.mark.smoke
def test_signed_table_has_a_column_for_each_number_of_alternations():
    rows = [
        {"architecture": "a", "models": "9", "falls": "0"}
        | {"best_found_percent_0": "10.0", "best_found_percent_3": "90.0"}
    ]
    lines = other_tables.signed_table(rows).splitlines()
    assert lines[0].endswith("| 0 | 3 |")
    assert lines[2] == "| a | 9 | 0 | 10.0 | 90.0 |"


@pytest.mark.smoke
def test_rows_have_all_columns_and_keep_what_was_there(tmp_path):
    path = tmp_path / "rows.csv"
    columns = results.TABLE_COLUMNS
    results.append_row(path, row("a", "1.0"), columns)
    results.append_row(path, row("b", "2.0"), columns)
    with path.open() as file:
        assert [r["model"] for r in csv.DictReader(file)] == ["a", "b"]
    with pytest.raises(ValueError, match="these differ"):
        results.append_row(path, {k: v for k, v in ROW.items() if k != "seed"}, columns)
    # A file of another version would be read with shifted columns.
    with pytest.raises(ValueError, match=r"another version.*The row: \{"):
        results.append_row(path, dict.fromkeys("ab", "1"), ("a", "b"))
