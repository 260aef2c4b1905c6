"""The recorded rows: how they are read, chosen and grouped.

Every table and picture of the report is made from what this module returns.
"""

import json
from statistics import mean, stdev

from recipes.common.results import PROJECT
from recipes.tables.cells import (
    FROM_FEW_LABELS,
    PAPER_NAMES,
    SEMI_SUPERVISED,
    SETTINGS,
    Cell,
)
from recipes.tables.training import default_epochs

# The data of all other tables is MNIST.
CIFAR_TABLE = "4"


def cards():
    """Return the metadata of every preset of the zoo as dictionaries."""
    return [
        json.loads(path.read_text())
        for path in sorted((PROJECT / "zoo").glob("*/metadata.json"))
    ]


def cell_of(row):
    """Return (table, setting, model, labels) of a row."""
    return row["table"], row["setting"], row["model"], row["labels"]


def settings_of(row, *without):
    """Return as JSON what a row's model learned by, apart from the precision.

    Rows of one cell are runs of one experiment if it is the same. Precision decides how
    fast a run is, and `python -m recipes.table --dtype auto` chooses it by the
    processor.

    Args:
        row: a row of `tables.csv`.
        *without: further keys that are left out.
    """
    settings = json.loads(row["settings"], parse_int=float)
    kept = {k: v for k, v in settings.items() if k not in ("dtype", *without)}
    return json.dumps(kept, sort_keys=True)


def grouped(rows, key):
    """Return [(key, runs)] in the order of the first rows.

    Args:
        rows: dictionaries.
        key: a function of a row; rows with equal keys are runs of one group. Of a run
            that was repeated (the same draw and seed) only the last row counts.
    """
    groups = {}
    for row in rows:
        groups.setdefault(key(row), {})[row["draw"], row["seed"]] = row
    return [(name, list(runs.values())) for name, runs in groups.items()]


def grouped_by_settings(rows):
    """Return [((table, setting, model, labels), runs)], one entry for each settings.

    Args:
        rows: rows of `tables.csv`.
    """
    found = grouped(rows, lambda row: (cell_of(row), settings_of(row)))
    return [(cell, runs) for (cell, _), runs in found]


def mean_of(runs, column):
    """Return the mean of a column."""
    return mean(float(run[column]) for run in runs)


def spread(runs, column, digits=2):
    """Return the mean of a column and, of several runs, its standard deviation.

    Args:
        runs: rows of a table.
        column: its name; where it is empty, so is what is returned.
        digits: after the point.
    """
    if not runs[0][column]:
        return ""
    values = [float(run[column]) for run in runs]
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{mean(values):.{digits}f} ± {stdev(values):.{digits}f}"


def last_settings(rows):
    """Return the rows that were made with the last settings of their cell.

    Rows are left out if their setting is retired, or if they have other epochs than
    `python -m recipes.table` gives their cell today: the baselines get as much time as
    our models.

    Args:
        rows: rows of `tables.csv`.
    """
    found = [
        row
        for row in rows
        if row["setting"] in SETTINGS
        and int(row["epochs"]) == default_epochs(Cell.of(row))
    ]
    last = {cell_of(row): settings_of(row) for row in found}
    return [row for row in found if settings_of(row) == last[cell_of(row)]]


def published(paper):
    """Return {(table, setting, model, labels): {the paper's name: error}}.

    The paper's name that is nearest to our model comes first. All settings that learn
    from few labels stand beside the paper's semi-supervised figure.

    Args:
        paper: rows of `paper.csv`.
    """
    found = {}
    for model, names in PAPER_NAMES.items():
        for name in names:
            for row in paper:
                if row["model"] == name and row["error_percent"]:
                    is_few = row["setting"] == SEMI_SUPERVISED
                    for setting in FROM_FEW_LABELS if is_few else (row["setting"],):
                        key = row["table"], setting, model, row["n_labeled"]
                        found.setdefault(key, {})[name] = row["error_percent"]
    return found


def learning_curves(rows, is_colour=False):
    """Return {(setting, model, labels, epochs): {(draw, seed): rows of its epochs}}.

    A repeated run replaces the earlier one. Runs of other epochs are apart, because
    their learning rate falls faster or slower.

    Args:
        rows: rows of `epochs.csv`.
        is_colour: whether runs on CIFAR-10 are wanted, and not those on MNIST.
    """
    groups = {}
    for row in rows:
        if row["validation_error"] and (row["table"] == CIFAR_TABLE) == is_colour:
            key = row["setting"], row["model"], int(row["labels"]), int(row["epochs"])
            runs, run = groups.setdefault(key, {}), (row["draw"], row["seed"])
            before = runs.get(run, [])
            is_new = before and int(row["epoch"]) <= int(before[-1]["epoch"])
            runs[run] = [row] if is_new else [*before, row]
    return groups


def markdown_table(titles, lines):
    """Return a Markdown table.

    Args:
        titles: the column titles.
        lines: for each line its cells, strings or numbers.
    """
    texts = [titles, ["---"] * len(titles), *lines]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in texts)
