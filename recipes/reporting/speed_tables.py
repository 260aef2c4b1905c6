"""Tables of how fast models learn and how long a step takes."""

from statistics import mean

from recipes.reporting import markdown
from recipes.reporting.error_tables import median_seconds
from recipes.reporting.records import learning_curves, spread
from recipes.tables.cells import (
    ALL_BUT_VALIDATION,
    FIGURE_2,
    SETTINGS,
    SUPERVISED,
    Cell,
)
from recipes.tables.training import default_epochs

# Validation errors in percent. The lower one is that of the paper's Figure 2.
THRESHOLDS = (2.0, 1.5)


def first_below(rows):
    """Return a table of when runs with today's epochs fell below the thresholds.

    Runs that reach no threshold have no line.

    Args:
        rows: rows of `epochs.csv`.
    """
    today = {
        (row["setting"], row["model"], int(row["labels"]), default_epochs(Cell.of(row)))
        for row in rows
        if row["setting"] in SETTINGS
    }
    return _first_below_table(
        (key, runs)
        for key, runs in learning_curves(rows).items()
        if key in today and any(_first(runs, v) for v in THRESHOLDS)
    )


def all_first_below(rows):
    """Return the same table with a line for every setting, model and epochs."""
    return _first_below_table(learning_curves(rows).items())


def _first_below_table(curves):
    lines = []
    for key, runs in sorted(curves):
        cells = []
        for threshold in THRESHOLDS:
            first = _first(runs, threshold)
            if first:
                epochs = mean(float(row["epoch"]) for row in first)
                cells += [f"{epochs:.3g}", f"{median_seconds(first):.0f}"]
            else:
                cells += ["-", "-"]
        lines.append([*key, len(runs), *cells])
    titles = ["setting", "model", "labels", "of epochs", "runs"]
    for threshold in THRESHOLDS:
        titles += [f"{threshold:g} %: epochs", "seconds"]
    return markdown.table(titles, lines)


def _first(runs, threshold):
    """Return each run's first epoch below a threshold, [] if a run has none."""
    first = [
        next((row for row in run if float(row["validation_error"]) < threshold), None)
        for run in runs.values()
    ]
    return [] if None in first else first


def shortest(rows):
    """Return a table of the models of Figure 2 at the end of runs of few epochs.

    Args:
        rows: rows of `epochs.csv`.
    """
    lines, curves = [], learning_curves(rows)
    for model in (name for pair in FIGURE_2.items() for name in pair):
        key = SUPERVISED, model, ALL_BUT_VALIDATION
        for epochs in sorted(v[-1] for v in curves if v[:-1] == key):
            last = [run[-1] for run in curves[*key, epochs].values()]
            error, seconds = spread(last, "validation_error"), median_seconds(last)
            lines.append([model, epochs, error, len(last), f"{seconds:.0f}"])
    titles = ["model", "epochs", "validation error", "runs", "seconds"]
    return markdown.table(titles, lines)


def steps(rows):
    """Return a table of the time of ours divided by that of the stock layers.

    Args:
        rows: rows of `benchmark_steps.csv`, of which the last of each measure and
            backend counts.
    """
    last = {(row["measure"], row["backend"]): row for row in rows}
    backends = list(dict.fromkeys(row["backend"] for row in rows))
    lines = []
    for measure in dict.fromkeys(row["measure"] for row in rows):
        found = [last.get((measure, backend)) for backend in backends]
        if all(row and row["unit"] == "ms" for row in found):
            lines.append([measure, *(row["ratio"] for row in found)])
    return markdown.table(["ours / stock", *backends], lines)
