"""Pictures made from the recorded rows: README's table, errors, speed and probes."""

from math import nan
from statistics import mean, stdev

from recipes.reporting import probe_tables, scaling
from recipes.reporting.cell_tables import THRESHOLDS
from recipes.reporting.records import (
    grouped_by_settings,
    learning_curves,
    published,
)
from recipes.tables import cells
from recipes.tables.training import default_epochs


def write(rows, paper, epochs, probes, efficiencies, table, folder):
    """Write the pictures that are made from rows.

    Args:
        rows: rows of `tables.csv` with the last settings of each cell.
        paper: rows of `paper.csv`.
        epochs: rows of `epochs.csv`.
        probes: rows of `nuisance_probe.csv`.
        efficiencies: `scaling.curves`.
        table: a Markdown table.
        folder: the folder to write to.
    """
    plot_table(table, folder / "table.png")
    plot_errors(error_curves(rows), paper_curves(paper), folder / "errors.png")
    plot_speed(speed_curves(epochs), folder / "figure2.png")
    plot_colour(colour_curves(epochs), folder / "colour.png")
    plot_probes(probe_tables.scores(probes), folder / "nuisance_probe.png")
    plot_scaling(efficiencies, folder / "scaling.png")


def error_curves(rows):
    """Return {model: [(labels, mean test error, standard deviation over runs)]}.

    The standard deviation of one run is NaN, for which matplotlib draws no bar.

    Args:
        rows: rows of `tables.csv` with one settings for each cell.
    """
    curves = {}
    for (table, setting, model, labels), runs in grouped_by_settings(rows):
        if (table, setting) == ("1", cells.SEMI_SUPERVISED):
            errors = [float(run["test_error"]) for run in runs]
            deviation = stdev(errors) if len(errors) > 1 else nan
            point = int(labels), mean(errors), deviation
            curves.setdefault(model, []).append(point)
    return {model: sorted(points) for model, points in sorted(curves.items())}


def paper_curves(paper):
    """Return {(our model, the paper's name for it): [(labels, test error)]}."""
    curves = {}
    for (table, setting, model, labels), errors in published(paper).items():
        if (table, setting) == ("1", cells.SEMI_SUPERVISED):
            for name, error in errors.items():
                curves.setdefault((model, name), []).append((int(labels), float(error)))
    return {key: sorted(points) for key, points in curves.items()}


def speed_curves(epochs):
    """Return {model: [(epoch, seconds, validation error)]} for Figure 2.

    The runs are those of draw 0 and seed 0 with the epochs that `python -m
    recipes.table` gives them by default.
    """
    runs, curves = learning_curves(epochs), {}
    for model in (name for pair in cells.FIGURE_2.items() for name in pair):
        cell = cells.Cell(3, cells.SUPERVISED, model, cells.ALL_BUT_VALIDATION)
        key = cell.setting, model, cell.labels, default_epochs(cell)
        names = "epoch", "seconds", "validation_error"
        for row in runs.get(key, {}).get(("0", "0"), ()):
            point = tuple(float(row[name]) for name in names)
            curves.setdefault(model, []).append(point)
    return curves


def colour_curves(epochs):
    """Return {"model, setting": [(seconds, validation error)]} of few colour labels.

    The runs are those of draw 0 and seed 0 with the epochs of today.
    """
    curves = {}
    for key, runs in learning_curves(epochs, is_colour=True).items():
        setting, model, labels, number = key
        cell = cells.Cell(4, setting, model, labels)
        if labels == cells.FEW_COLOUR and number == default_epochs(cell):
            curves[f"{model}, {setting}"] = [
                (float(row["seconds"]), float(row["validation_error"]))
                for row in runs.get(("0", "0"), ())
            ]
    return curves


def plot_errors(ours, paper, path):
    """Plot test errors against labels, those of the paper dashed."""
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


def plot_speed(curves, path):
    """Plot validation errors against epochs and seconds, one row of axes per pair."""
    pairs = cells.FIGURE_2.items()
    figure, grid = _figure(9, 3 * len(pairs), columns=2, lines=len(pairs))
    for pair, (by_epoch, by_second) in zip(pairs, grid, strict=True):
        for model, style in zip(pair, ("-", "--"), strict=True):
            epochs, seconds, errors = zip(*curves[model], strict=True)
            by_epoch.plot(epochs, errors, style, marker=".", label=model)
            by_second.plot(seconds, errors, style, marker=".", label=model)
        for axes in (by_epoch, by_second):
            axes.axhline(min(THRESHOLDS), color="grey", linestyle=":")
            axes.set(yscale="log", ylabel="validation error, percent")
        by_epoch.set(xlabel="epochs")
        by_second.set(xlabel="seconds, one core")
        by_epoch.legend()
    figure.savefig(path, dpi=120)


def plot_colour(curves, path):
    """Plot validation errors on CIFAR-10 against seconds."""
    figure, axes = _figure(7, 4)
    for name, points in curves.items():
        axes.plot(*zip(*points, strict=True), marker=".", label=name)
    axes.set(xlabel="seconds, one core", ylabel="validation error, percent")
    axes.legend(fontsize=7)
    figure.savefig(path, dpi=120)


def plot_probes(scores, path):
    """Plot the scores of probes against levels, few nuisances beside many.

    Args:
        scores: {(nuisances, trained, factor): scores of levels}.
        path: of the PNG file.
    """
    names = list(dict.fromkeys(name for name, *_ in scores))
    factors = list(dict.fromkeys(factor for *_, factor in scores))
    figure, grid = _figure(9, 4, columns=len(names))
    for name, axes in zip(names, grid, strict=True):
        for (nuisances, trained, factor), levels in scores.items():
            if nuisances == name:
                is_trained = trained == "yes"
                axes.plot(
                    levels,
                    "-" if is_trained else "--",
                    color=f"C{factors.index(factor)}",
                    marker=".",
                    label=factor if is_trained else None,
                )
        axes.set(title=f"{name} nuisances", xlabel="level, 0 for the pixels")
        axes.set(ylabel="accuracy of the class, R² of others")
        axes.legend(fontsize=7)
    figure.savefig(path, dpi=120)


def plot_scaling(efficiencies, path):
    """Plot the efficiency of many devices.

    Args:
        efficiencies: {(network, speed of a device): of `scaling.DEVICES`}.
        path: of the PNG file.
    """
    figure, axes = _figure(9, 4)
    speeds = sorted({speed for _, speed in efficiencies})
    for number, ((network, speed), values) in enumerate(efficiencies.items()):
        axes.plot(
            scaling.DEVICES,
            values,
            "-" if speed == speeds[0] else "--",
            color=f"C{number % len(scaling.NETWORKS)}",
            marker=".",
            label=f"{network}, {speed} times a core",
        )
    axes.set(xscale="log", xlabel="devices", ylabel="efficiency", ylim=(0, 1.02))
    axes.legend(fontsize=8, handlelength=3, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=120)


def cells_of(table):
    """Return the titles and the lines of a Markdown table as lists of strings."""
    titles, _, *lines = (
        [cell.strip().strip("`*") for cell in line.strip("|").split("|")]
        for line in table.strip().splitlines()
    )
    return titles, lines


def plot_table(table, path):
    """Plot a Markdown table."""
    titles, lines = cells_of(table)
    figure, axes = _figure(11, 0.25 * (len(lines) + 2))
    axes.axis("off")
    drawn = axes.table(
        lines, colLabels=titles, cellLoc="left", colLoc="left", loc="center"
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(8)
    drawn.auto_set_column_width(range(len(titles)))
    figure.savefig(path, dpi=100, bbox_inches="tight")


def _figure(width, height, columns=1, lines=1):
    """Return a figure without a window, and its axes: one, or a grid."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(lines, columns)
