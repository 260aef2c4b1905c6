"""Pictures of the recorded rows: the tables, the errors and Figure 2."""

from math import nan
from statistics import mean, stdev

from recipes.reporting import grouping
from recipes.reporting import page as report
from recipes.tables import cells
from recipes.tables.training import default_epochs


def write(rows, paper, epochs, table, folder):
    """Write table.png, errors.png and figure2.png.

    Args:
        rows: last rows of the cells of Table 1, dictionaries.
        paper: the paper's tables, dictionaries.
        epochs: rows of `epochs.csv`, dictionaries.
        table: a Markdown table.
        folder: where to.
    """
    draw_table(table, folder / "table.png")
    draw_errors(error_curves(rows), paper_curves(paper), folder / "errors.png")
    draw_speed(speed_curves(epochs), folder / "figure2.png")


def error_curves(rows):
    """Return {model: [(labels, mean test error, its deviation over draws)]}.

    The deviation of one draw is NaN, of which no bar is drawn.

    Args:
        rows: rows of `tables.csv`, of which a draw's last one counts.
    """
    of_table_1 = [
        row
        for row in rows
        if (row["table"], row["setting"]) == ("1", cells.SEMI_SUPERVISED)
    ]
    curves = {}
    for (_, labels), group in grouping.grouped(of_table_1):
        errors = [float(row["test_error"]) for row in group]
        deviation = stdev(errors) if len(errors) > 1 else nan
        point = int(labels), mean(errors), deviation
        curves.setdefault(group[0]["model"], []).append(point)
    return {model: sorted(points) for model, points in sorted(curves.items())}


def paper_curves(paper):
    """Return {(model of the recipes, the paper's name): [(labels, test error)]}."""
    curves = {}
    for (table, setting, model, labels), errors in report.published(paper).items():
        if (table, setting) == ("1", cells.SEMI_SUPERVISED):
            for name, error in errors.items():
                curves.setdefault((model, name), []).append((int(labels), float(error)))
    return {key: sorted(points) for key, points in curves.items()}


def speed_curves(epochs):
    """Return {model: [(epoch, seconds, validation error)]} of Figure 2, draw 0, seed 0.

    The runs are as long as `table.py` makes them by default.
    """
    runs, curves = report.learning_curves(epochs), {}
    for model in (name for pair in cells.FIGURE_2.items() for name in pair):
        cell = cells.Cell(3, cells.SUPERVISED, model, cells.ALL_BUT_VALIDATION)
        key = cell.setting, model, cell.labels, default_epochs(cell)
        names = "epoch", "seconds", "validation_error"
        for row in runs.get(key, {}).get(("0", "0"), ()):
            point = tuple(float(row[name]) for name in names)
            curves.setdefault(model, []).append(point)
    return curves


def draw_errors(ours, paper, path):
    """Draw test errors against labels, the paper's dashed."""
    figure, axes = _figure(7, 4.5)
    models = sorted({*ours, *(model for model, _ in paper)})
    colours = {model: f"C{n}" for n, model in enumerate(models)}
    for model, points in ours.items():
        labels, errors, deviations = zip(*points, strict=True)
        axes.errorbar(
            labels,
            errors,
            deviations,
            color=colours[model],
            marker="o",
            capsize=3,
            label=model,
        )
    for (model, name), points in paper.items():
        axes.plot(
            *zip(*points, strict=True),
            color=colours[model],
            linestyle="--",
            marker="x",
            label=f"paper: {name}",
        )
    axes.set(xscale="log", yscale="log", xlabel="labels", ylabel="test error, percent")
    axes.legend(fontsize=7, ncols=2)
    figure.savefig(path, dpi=120)


def draw_speed(curves, path):
    """Draw validation errors against epochs and seconds, a line of axes for a pair."""
    pairs = cells.FIGURE_2.items()
    figure, grid = _figure(9, 3 * len(pairs), columns=2, lines=len(pairs))
    for pair, (by_epoch, by_second) in zip(pairs, grid, strict=True):
        for model, style in zip(pair, ("-", "--"), strict=True):
            epochs, seconds, errors = zip(*curves[model], strict=True)
            by_epoch.plot(epochs, errors, style, marker=".", label=model)
            by_second.plot(seconds, errors, style, marker=".", label=model)
        for axes in (by_epoch, by_second):
            axes.axhline(min(report.THRESHOLDS), color="grey", linestyle=":")
            axes.set(yscale="log", ylabel="validation error, percent")
        by_epoch.set(xlabel="epochs")
        by_second.set(xlabel="seconds, one core")
        by_epoch.legend()
    figure.savefig(path, dpi=120)


def cells_of(table):
    """Return a Markdown table's titles and lines, lists of strings."""
    titles, _, *lines = (
        [cell.strip().strip("`*") for cell in line.strip("|").split("|")]
        for line in table.strip().splitlines()
    )
    return titles, lines


def draw_table(table, path):
    """Draw a Markdown table."""
    titles, lines = cells_of(table)
    figure, axes = _figure(22, 0.25 * (len(lines) + 2))
    axes.axis("off")
    drawn = axes.table(
        lines, colLabels=titles, cellLoc="left", colLoc="left", loc="center"
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(8)
    drawn.auto_set_column_width(range(len(titles)))
    figure.savefig(path, dpi=100, bbox_inches="tight")


def _figure(width, height, columns=1, lines=1):
    """Return a figure without a window, and its axes: one, or lines of columns."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(lines, columns)
