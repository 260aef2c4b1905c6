"""The pictures show the rows: each point is one of theirs."""

import math
import statistics

import pytest

from recipes.common import results
from recipes.reporting import figures, probe_tables, readme, records, scaling
from recipes.tables import cells
from tests.recipes.reporting.rows import row


@pytest.mark.smoke
def test_errors_are_means_over_the_last_runs_of_draws():
    rows = [
        row("rfm", "9.0", "0"),
        row("rfm", "2.0", "0"),
        row("rfm", "5.0", "1"),
        row("rfm", "1.0", "0", labels="600"),
        row("rfm", "0.5", "0", setting="supervised"),
        row("rfm", "0.5", "0", table="3"),
        row("swwae", "4.0", "0"),
    ]
    curves = figures.error_curves(rows)
    assert list(curves) == ["rfm", "swwae"]
    first, second = curves["rfm"]
    assert first == (100, 3.5, statistics.stdev([2, 5]))
    # One draw has no deviation.
    assert second[:2] == (600, 1.0)
    assert math.isnan(second[2])
    assert curves["swwae"][0][:2] == (100, 4.0)


@pytest.mark.smoke
def test_the_paper_s_curves_are_those_of_its_table():
    curves = figures.paper_curves(results.read_rows("paper"))
    rfm = [(100, 14.47), (600, 5.61), (1000, 4.67), (3000, 2.96)]
    assert curves["rfm", "RFM"] == rfm
    assert curves["ladder", "LadderNetwork"] == [(100, 1.06), (1000, 0.84)]
    # Two of the paper's models are no curve.
    deep = [(100, 3.5), (600, 1.56), (1000, 1.67), (3000, 0.91)]
    assert curves["drmm_conv_small", "DRMM 5-layer"] == deep
    assert curves["drmm_conv_small", "DRMM 5-layer NN+KL"] == [(100, 0.57)]


@pytest.mark.smoke
def test_figure_2_is_of_the_last_run_of_draw_0_of_the_cell_s_epochs():
    def epoch(number, error, **changes):
        own = {"table": "3", "setting": "supervised", "model": "convnet"}
        own["labels"] = "55000"
        run = {"draw": "0", "seed": "0", "epochs": "5", "seconds": str(10 * number)}
        values = {"epoch": str(number), "validation_error": error}
        return {**own, **run, **values, **changes}

    rows = [
        epoch(1, "9.0"),
        epoch(2, "8.0"),
        epoch(1, "5.0"),
        epoch(2, "4.0"),
        epoch(1, "6.0", epochs="1"),
        epoch(1, "6.0", epochs="20"),
        epoch(3, "7.0", draw="1"),
        epoch(3, "7.0", labels="60000"),
        epoch(3, "7.0", setting="labeled-only"),
    ]
    assert figures.speed_curves(rows) == {"convnet": [(1, 10.0, 5.0), (2, 20.0, 4.0)]}


@pytest.mark.smoke
def test_curves_in_colour_are_of_few_labels_and_today_s_epochs():
    def epoch(number, error, **changes):
        own = {"table": "4", "setting": "semi-supervised", "model": "drmm_lenet"}
        run = {"labels": "4000", "draw": "0", "seed": "0", "epochs": "30"}
        values = {"seconds": str(10 * number), "epoch": str(number)}
        return {**own, **run, **values, "validation_error": error, **changes}

    rows = [
        epoch(1, "60.0"),
        epoch(2, "50.0"),
        epoch(3, "1.0", table="1"),
        epoch(3, "2.0", labels="50000"),
        epoch(3, "3.0", epochs="7"),
        epoch(3, "4.0", draw="1"),
        epoch(3, ""),
    ]
    assert figures.colour_curves(rows) == {
        "drmm_lenet, semi-supervised": [(10.0, 60.0), (20.0, 50.0)]
    }


@pytest.mark.smoke
def test_a_table_s_cells_are_read_without_marks():
    table = "| a | b |\n|---|---|\n| **1** | `python x.py` |\n| 2 |  |\n"
    assert figures.cells_of(table) == (
        ["a", "b"],
        [["1", "python x.py"], ["2", ""]],
    )


def test_pictures_have_every_point(tmp_path, monkeypatch):
    """What is handed to matplotlib, read back from its axes."""
    pytest.importorskip("matplotlib")
    drawn = {}
    monkeypatch.setattr(
        "matplotlib.figure.Figure.savefig",
        lambda figure, path, **_: drawn.setdefault(path.name, figure),
    )
    rows, paper, epochs, probes = (
        results.read_rows(v) for v in ("tables", "paper", "epochs", "nuisance_probe")
    )
    table = readme.table(rows, paper)
    efficiencies = {("slow", 1): [0.9, 0.8, 0.7, 0.6], ("slow", 100): [0.5] * 4}
    last = records.last_settings(rows)
    figures.write(last, paper, epochs, probes, efficiencies, table, tmp_path)
    assert sorted(drawn) == [
        "colour.png",
        "errors.png",
        "figure2.png",
        "nuisance_probe.png",
        "scaling.png",
        "table.png",
    ]
    lines = drawn["scaling.png"].axes[0].get_lines()
    assert {line.get_label(): list(line.get_ydata()) for line in lines} == {
        f"{network}, {speed} times a core": values
        for (network, speed), values in efficiencies.items()
    }
    assert {tuple(line.get_xdata()) for line in lines} == {scaling.DEVICES}
    assert [line.get_linestyle() for line in lines] == ["-", "--"]
    handles = drawn["errors.png"].axes[0].get_legend_handles_labels()
    shown = {
        # Of curves with bars the line.
        text: [tuple(v) for v in getattr(line, "lines", [line])[0].get_xydata()]
        for line, text in zip(*handles, strict=True)
    }
    ours = figures.error_curves(records.last_settings(rows))
    assert shown == {
        **{
            f"paper: {name}": points
            for (_, name), points in figures.paper_curves(paper).items()
        },
        **{name: [point[:2] for point in v] for name, v in ours.items()},
    }
    axes, curves = iter(drawn["figure2.png"].axes), figures.speed_curves(epochs)
    for pair in cells.FIGURE_2.items():
        for column in (0, 1):
            lines = {v.get_label(): v for v in next(axes).get_lines()}
            for model, style in zip(pair, ("-", "--"), strict=True):
                points = [[point[column], point[2]] for point in curves[model]]
                assert lines[model].get_xydata().tolist() == points
                assert lines[model].get_linestyle() == style
    assert not list(axes)
    lines = {v.get_label(): v for v in drawn["colour.png"].axes[0].get_lines()}
    curves = figures.colour_curves(epochs)
    assert curves
    assert {
        name: [tuple(v) for v in line.get_xydata()] for name, line in lines.items()
    } == curves
    scores = probe_tables.scores(probes)
    for nuisances, axes in zip(
        ("few", "many"), drawn["nuisance_probe.png"].axes, strict=True
    ):
        shown = [
            (line.get_linestyle(), line.get_ydata().tolist())
            for line in axes.get_lines()
        ]
        assert shown == [
            ("-" if trained == "yes" else "--", levels)
            for (name, trained, _), levels in scores.items()
            if name == nuisances
        ]
    (grid,) = drawn["table.png"].axes[0].tables
    titles, lines = figures.cells_of(table)
    texts = {at: cell.get_text().get_text() for at, cell in grid.get_celld().items()}
    assert texts == {
        (i, j): text
        for i, line in enumerate([titles, *lines])
        for j, text in enumerate(line)
    }
