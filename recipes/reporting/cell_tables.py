"""Tables of the paper's cells: test errors by question, speed, and the log of all runs.

The tables of test errors take the rows of `tables.csv` and of `paper.csv`, and have the
last settings of each cell. Every function of rows returns a Markdown table.
"""

import json
from statistics import median

from recipes.reporting.records import (
    cell_of,
    grouped_by_settings,
    last_settings,
    learning_curves,
    markdown_table,
    mean_of,
    published,
    settings_of,
    spread,
)
from recipes.tables import cells
from recipes.tables.cells import Cell
from recipes.tables.training import default_epochs

OURS = ("drmm_conv_small", "drmm_lenet", "drfm_lenet", "rfm")
CONVNETS = ("convnet", "convnet_2", "convnet_1")
# Models of CIFAR-10.
COLOUR = ("drmm_conv_large", "convnet_9", "drmm_lenet", "convnet_2")
BASELINES = ("pseudo_label", "ladder", "swwae")
# With those that the paper does not have.
PEERS = (*BASELINES, "fixmatch", "mean_teacher")

FIGURES = ("test error", "runs", "the paper's", "difference", "seconds")
# Validation errors in percent. The lower one is that of the paper's Figure 2.
THRESHOLDS = (2.0, 1.5)
# Keys of `objective` that are not the weight of a term.
NO_TERMS = (
    "augmentation",
    "augmentation_divisor",
    "render_divisor",
    "warmup_steps",
    "marginal_chance",
)


def few_labels(rows, paper):
    """Compare what learns from a few labels and from all images."""
    found = in_order(rows, "1", cells.FROM_FEW_LABELS, OURS)
    return _errors(found, paper, "model", "labels")


def labelled_images_alone(rows, paper):
    """Compare what learns from a few labelled images and no others."""
    found = in_order(rows, "5", (cells.LABELED_ONLY,), (*OURS, *CONVNETS))
    return _errors(found, paper, "model", "labels")


def all_labels(rows, paper):
    """Compare what learns from all labels."""
    settings = cells.SEMI_SUPERVISED, cells.SUPERVISED
    found = in_order(rows, "3", settings, (*OURS, *CONVNETS))
    return _errors(found, paper, "setting", "model", "labels")


def colour(rows, paper):
    """Compare what learns CIFAR-10."""
    settings = (
        cells.SEMI_SUPERVISED,
        cells.SUPERVISED,
        cells.SEMI_SUPERVISED_SHIFTED,
        cells.SUPERVISED_SHIFTED,
    )
    found = in_order(rows, "4", settings, COLOUR)
    found.sort(key=lambda v: (COLOUR.index(v[0][2]) // 2, int(v[0][3])))
    return _errors(found, paper, "setting", "model", "labels")


def pretraining(rows, paper):
    """Compare models that EM pre-trained with the same models without pre-training.

    The same are those that then learned by the same settings.
    """

    def key(cell, runs):
        return *cell[2:], settings_of(runs[-1], "pretraining")

    found = in_order(rows, "1", (cells.PRETRAINING,), OURS)
    found += in_order(rows, "3", (cells.PRETRAINING,), OURS)
    alone = in_order(rows, "5", (cells.LABELED_ONLY,), OURS)
    alone += in_order(rows, "3", (cells.SUPERVISED,), OURS)
    without = {key(*v): spread(v[1], "test_error") for v in alone}
    lines = []
    for cell, runs in sorted(found, key=lambda v: (OURS.index(v[0][2]), int(v[0][3]))):
        error, *others = figures(cell, runs, published(paper))
        line = [f"`{cell[2]}`", cell[3], error, without.get(key(cell, runs), "")]
        lines.append([*line, *others])
    titles = ["model", "labels", "test error", "without pre-training", *FIGURES[1:]]
    return markdown_table(titles, lines)


def baselines(rows, paper):
    """Compare our model of 5 levels with other methods on the same architecture."""
    models = "drmm_conv_small", *PEERS
    found = in_order(rows, "1", (cells.SEMI_SUPERVISED,), models)
    # FixMatch and Mean Teacher are told of the same nuisances.
    found += in_order(rows, "1", (cells.WITH_NUISANCES,), models[:1])
    found += in_order(rows, "5", (cells.LABELED_ONLY,), ("convnet",))
    compared = {cell[3] for cell, _ in found if cell[2] in PEERS}
    found = [(cell, runs) for cell, runs in found if cell[3] in compared]
    found.sort(key=lambda v: int(v[0][3]))
    return _errors(found, paper, "labels", "model")


def _errors(found, paper, *names):
    """Return a table of what `in_order` found, led by some of the cells' entries."""
    lines = []
    for cell, runs in found:
        _, setting, model, labels = cell
        model = f"`{model}`"
        if setting in cells.FROM_FEW_LABELS and "setting" not in names:
            # What the setting adds to `semi-supervised`.
            model += setting.removeprefix(cells.SEMI_SUPERVISED)
        entries = {"setting": setting, "model": model, "labels": labels}
        line = [entries[name] for name in names]
        lines.append([*line, *figures(cell, runs, published(paper))])
    return markdown_table([*names, *FIGURES], lines)


def in_order(rows, table, settings, models):
    """Return [(cell, runs)] with the last settings, sorted by setting, model, labels.

    Args:
        rows: rows of `tables.csv`.
        table: its number, a string.
        settings: the settings that are wanted, in this order.
        models: likewise.
    """
    found = [
        (cell, runs)
        for cell, runs in grouped_by_settings(last_settings(rows))
        if cell[0] == table and cell[1] in settings and cell[2] in models
    ]
    return sorted(
        found,
        key=lambda v: (settings.index(v[0][1]), models.index(v[0][2]), int(v[0][3])),
    )


def figures(cell, runs, paper):
    """Return what the columns `FIGURES` hold.

    Args:
        cell: (table, setting, model, labels).
        runs: its rows.
        paper: what `published` returns.
    """
    theirs = paper_error(cell, paper)
    ours = mean_of(runs, "test_error")
    difference = f"{ours - float(theirs):+.2f}" if theirs else ""
    seconds = f"{median_seconds(runs):.0f}"
    return [spread(runs, "test_error"), len(runs), theirs, difference, seconds]


def paper_error(cell, paper):
    """Return the paper's error for the model nearest to a cell's, "" if it has none."""
    return next(iter(paper.get(cell, {"": ""}).values()))


def median_seconds(runs):
    """Return the median of seconds: machines differ, and other programs share them."""
    return median(float(run["seconds"]) for run in runs)


def first_below(rows):
    """Return a table of when runs with today's epochs fell below the thresholds.

    Runs that reach no threshold have no line.

    Args:
        rows: rows of `epochs.csv`.
    """
    today = {
        (row["setting"], row["model"], int(row["labels"]), default_epochs(Cell.of(row)))
        for row in rows
        if row["setting"] in cells.SETTINGS
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
        line = []
        for threshold in THRESHOLDS:
            first = _first(runs, threshold)
            if first:
                epochs, seconds = mean_of(first, "epoch"), median_seconds(first)
                line += [f"{epochs:.3g}", f"{seconds:.0f}"]
            else:
                line += ["-", "-"]
        lines.append([*key, len(runs), *line])
    titles = ["setting", "model", "labels", "of epochs", "runs"]
    for threshold in THRESHOLDS:
        titles += [f"{threshold:g} %: epochs", "seconds"]
    return markdown_table(titles, lines)


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
    for model in (name for pair in cells.FIGURE_2.items() for name in pair):
        key = cells.SUPERVISED, model, cells.ALL_BUT_VALIDATION
        for epochs in sorted(v[-1] for v in curves if v[:-1] == key):
            last = [run[-1] for run in curves[*key, epochs].values()]
            error, seconds = spread(last, "validation_error"), median_seconds(last)
            lines.append([model, epochs, error, len(last), f"{seconds:.0f}"])
    titles = ["model", "epochs", "validation error", "runs", "seconds"]
    return markdown_table(titles, lines)


def steps(rows):
    """Return a table of the time of ours divided by that of the stock layers.

    Args:
        rows: rows of `benchmark_steps.csv`, of which those of each backend's last
            commit count: what is measured changes.
    """
    commits = {row["backend"]: row["commit"] for row in rows}
    rows = [row for row in rows if row["commit"] == commits[row["backend"]]]
    last = {(row["measure"], row["backend"]): row for row in rows}
    backends = list(commits)
    lines = []
    for measure in dict.fromkeys(row["measure"] for row in rows):
        found = [last.get((measure, backend)) for backend in backends]
        if all(row is None or row["unit"] == "ms" for row in found):
            lines.append([measure, *(row["ratio"] if row else "-" for row in found)])
    return markdown_table(["ours / stock", *backends], lines)


def settings_table(rows):
    """Return a table with a line for each settings, numbered by `settings_numbers`.

    Args:
        rows: rows of `tables.csv`.
    """
    lines = []
    for text, number in settings_numbers(rows).items():
        settings = json.loads(text)
        objective, optimizer = settings["objective"], settings["optimizer"]
        terms = [f"{k} {v:g}" for k, v in objective.items() if k not in NO_TERMS]
        if "marginal_chance" in objective:
            terms.append(f"marginal_chance {objective['marginal_chance']:g}")
        words = ", ".join(terms)
        if "pretraining" in settings:
            words += (
                "; before that {sweeps:g} sweeps of hard EM over {images:,.0f} images"
            ).format(**settings["pretraining"])
        divisor, steps = (
            f"{objective[name]:g}" if name in objective else "-"
            for name in ("render_divisor", "warmup_steps")
        )
        rate = f"{optimizer['name']} {optimizer['learning_rate']:g}"
        augmentation = objective["augmentation"] or "-"
        if objective["augmentation"] and "augmentation_divisor" in objective:
            augmentation += f", of one row in {objective['augmentation_divisor']:g}"
        lines.append([number, words, augmentation, divisor, steps, rate])
    titles = ["", "terms and weights", "augmentation", "`render_divisor`"]
    return markdown_table([*titles, "`warmup_steps`", "optimizer"], lines)


def settings_numbers(rows):
    """Return {settings as JSON: number}, in the order of the first rows.

    Epochs and precision are left out: they have columns of their own.

    Args:
        rows: rows of `tables.csv`.
    """
    found = dict.fromkeys(settings_of(row, "epochs") for row in rows)
    return {text: number for number, text in enumerate(found, start=1)}


def cells_table(rows):
    """Return a table with a line for each cell and its settings.

    Args:
        rows: rows of `tables.csv`.
    """
    today = {(cell_of(row), settings_of(row)) for row in last_settings(rows)}
    numbers, lines = settings_numbers(rows), []
    for cell, runs in grouped_by_settings(rows):
        last = runs[-1]
        number, epochs = numbers[settings_of(last, "epochs")], int(last["epochs"])
        precisions = sorted({json.loads(run["settings"])["dtype"] for run in runs})
        line = [*cell[:3], int(cell[3]), epochs, number]
        line.append(", ".join(v.removeprefix("mixed_") for v in precisions))
        line += [spread(runs, "test_error"), len(runs), f"{median_seconds(runs):.0f}"]
        lines.append([*line, "yes" if (cell, settings_of(last)) in today else ""])
    titles = ["table", "setting", "model", "labels", "epochs", "settings", "precision"]
    titles += ["test error", "runs", "seconds", "last"]
    return markdown_table(titles, sorted(lines))
