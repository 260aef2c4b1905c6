"""Test errors of the paper's tables, by question, with the last settings of each cell.

Every function takes the rows of `tables.csv` and of `paper.csv`, and returns a
Markdown table.
"""

from statistics import mean, median

from recipes.reporting import markdown
from recipes.reporting.records import (
    grouped_by_settings,
    last_settings,
    published,
    settings_of,
    spread,
)
from recipes.tables.cells import (
    FROM_FEW_LABELS,
    LABELED_ONLY,
    PRETRAINING,
    SEMI_SUPERVISED,
    SUPERVISED,
)

OURS = ("drmm_conv_small", "drmm_lenet", "drfm_lenet", "rfm")
CONVNETS = ("convnet", "convnet_2", "convnet_1")
BASELINES = ("pseudo_label", "ladder", "swwae")

FIGURES = ("test error", "runs", "the paper's", "difference", "seconds")


def few_labels(rows, paper):
    """Compare what learns from a few labels and from all images."""
    lines = []
    for cell, runs in in_order(rows, "1", FROM_FEW_LABELS, OURS):
        variant = cell[1].removeprefix(SEMI_SUPERVISED)
        line = [f"`{cell[2]}`{variant}", cell[3]]
        lines.append([*line, *figures(cell, runs, published(paper))])
    return markdown.table(["model", "labels", *FIGURES], lines)


def labelled_images_alone(rows, paper):
    """Compare what learns from a few labelled images and no others."""
    lines = [
        [f"`{cell[2]}`", cell[3], *figures(cell, runs, published(paper))]
        for cell, runs in in_order(rows, "5", (LABELED_ONLY,), (*OURS, *CONVNETS))
    ]
    return markdown.table(["model", "labels", *FIGURES], lines)


def all_labels(rows, paper):
    """Compare what learns from all labels."""
    settings, models = (SEMI_SUPERVISED, SUPERVISED), (*OURS, *CONVNETS)
    lines = [
        [cell[1], f"`{cell[2]}`", cell[3], *figures(cell, runs, published(paper))]
        for cell, runs in in_order(rows, "3", settings, models)
    ]
    return markdown.table(["setting", "model", "labels", *FIGURES], lines)


def pretraining(rows, paper):
    """Compare models that EM pre-trained with the same models without pre-training.

    The same are those that then learned by the same settings.
    """

    def key(cell, runs):
        return *cell[2:], settings_of(runs[-1], "pretraining")

    found = in_order(rows, "1", (PRETRAINING,), OURS)
    found += in_order(rows, "3", (PRETRAINING,), OURS)
    alone = in_order(rows, "5", (LABELED_ONLY,), OURS)
    alone += in_order(rows, "3", (SUPERVISED,), OURS)
    without = {key(*v): spread(v[1], "test_error") for v in alone}
    lines = []
    for cell, runs in sorted(found, key=lambda v: (OURS.index(v[0][2]), int(v[0][3]))):
        error, *others = figures(cell, runs, published(paper))
        line = [f"`{cell[2]}`", cell[3], error, without.get(key(cell, runs), "")]
        lines.append([*line, *others])
    titles = ["model", "labels", "test error", "without pre-training", *FIGURES[1:]]
    return markdown.table(titles, lines)


def baselines(rows, paper):
    """Compare our model of 5 levels with other methods on the same architecture."""
    found = in_order(rows, "1", (SEMI_SUPERVISED,), ("drmm_conv_small", *BASELINES))
    found += in_order(rows, "5", (LABELED_ONLY,), ("convnet",))
    compared = {cell[3] for cell, _ in found if cell[2] in BASELINES}
    lines = [
        [cell[3], f"`{cell[2]}`", *figures(cell, runs, published(paper))]
        for cell, runs in sorted(found, key=lambda v: int(v[0][3]))
        if cell[3] in compared
    ]
    return markdown.table(["labels", "model", *FIGURES], lines)


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
    ours = mean(float(run["test_error"]) for run in runs)
    difference = f"{ours - float(theirs):+.2f}" if theirs else ""
    seconds = f"{median_seconds(runs):.0f}"
    return [spread(runs, "test_error"), len(runs), theirs, difference, seconds]


def paper_error(cell, paper):
    """Return the paper's error for the model nearest to a cell's, "" if it has none."""
    return next(iter(paper.get(cell, {"": ""}).values()))


def median_seconds(runs):
    """Return the median of seconds: machines differ, and other programs share them."""
    return median(float(run["seconds"]) for run in runs)
