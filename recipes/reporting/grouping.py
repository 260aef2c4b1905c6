"""Runs of a cell together, and what they have in common."""

from statistics import mean, stdev


def grouped(rows, by=("labels",)):
    """Return [((model and setting, values of `by`), rows)] in the order of first rows.

    A run that was repeated, the same draw and seed, counts once: its last row.
    """
    groups = {}
    for row in rows:
        name = f"{row['model']}, {row['setting']}"
        runs = groups.setdefault((name, *(row[column] for column in by)), {})
        runs[row["draw"], row["seed"]] = row
    return [(key, list(runs.values())) for key, runs in groups.items()]


def spread(group, column):
    """Return the mean of a column and, of several rows, its standard deviation."""
    values = [float(row[column]) for row in group]
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{mean(values):.2f} ± {stdev(values):.2f}"
