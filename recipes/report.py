"""Write the tables of README.md and docs/results.md from the recorded rows.

python recipes/report.py
"""

import csv
from pathlib import Path
from statistics import mean, stdev

PROJECT = Path(__file__).resolve().parents[1]
RESULTS = PROJECT / "recipes" / "results"
START, END = "<!-- results -->\n", "<!-- /results -->"


def main():
    """Replace what stands between the two marks of README, and the page of results."""
    readme = PROJECT / "README.md"
    text = readme.read_text()
    before, rest = text.split(START)
    after = rest.split(END)[1]
    semi_supervised = table(rows("mnist_semi_supervised"))
    readme.write_text(f"{before}{START}{semi_supervised}{END}{after}")
    (PROJECT / "docs" / "results.md").write_text(page())


def page():
    """Return the page of results."""
    return f"""# Results

Written by `python recipes/report.py` from `recipes/results/*.csv`, which also hold
machine, backend and commit of each row.

## Semi-supervised MNIST

Test error in percent; every row is one draw of labels, the test set is read once a run.

{table(rows("mnist_semi_supervised"))}
## The RMM by exact EM

MNIST, 20 templates a class, 20 sweeps; means over draws of labels or seeds. `rises`
counts sweeps that raised the objective, ln p(I) is the mean over test images.

{rmm_table(rows("rmm_mnist"))}
## Evolutionary DRMM beside scikit-learn

MNIST, depth and number of trees as in the recipe; means over seeds. Seconds are of
`fit`, on a machine that other runs shared.

{evolutionary_table(rows("evolutionary_mnist"))}
## Signed inference

Random signed DRMMs, small enough to render every (c, g): how often the score fell from
one alternation to the next, and in how many percent of the models the best of all was
found after so many alternations.

{signed_table(rows("signed_inference"))}"""


def rows(name):
    """Return the recorded rows of a recipe, dictionaries."""
    with (RESULTS / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def table(rows):
    """Return a Markdown table: a line a run, then a mean for each model.

    Args:
        rows: dictionaries with the columns of `recipes.results.COLUMNS`.
    """
    lines = [
        "| model | labels | draw | test error | seconds, one core | command |",
        "|---|---|---|---|---|---|",
    ]
    for (name, labels), group in grouped(rows):
        for row in group:
            lines.append(
                f"| {name} | {labels} | {row['draw']} | {row['test_error']} | "
                f"{row['seconds']} | `{row['command']}` |"
            )
        if len(group) > 1:
            lines.append(
                f"| **{name}** | {labels} | mean of {len(group)} | "
                f"**{spread(group, 'test_error')}** | | |"
            )
    return "\n".join(lines) + "\n"


def rmm_table(rows):
    """Return a Markdown table: a line a number of labels, its mean over runs."""
    lines = [
        "| labels | test error | ln p(I), nats | rises | seconds | runs |",
        "|---|---|---|---|---|---|",
    ]
    for (_, labels), group in grouped(rows):
        rises = sum(int(row["rises"]) for row in group)
        seconds = mean(float(row["seconds"]) for row in group)
        lines.append(
            f"| {labels} | {spread(group, 'test_error')} | "
            f"{spread(group, 'test_log_prob')} | {rises} | {seconds:.0f} | "
            f"{len(group)} |"
        )
    return "\n".join(lines) + "\n"


def evolutionary_table(rows):
    """Return a Markdown table: a line a model, its mean over seeds."""
    lines = [
        "| model | labels | test error | leaves | seconds | of predict | runs |",
        "|---|---|---|---|---|---|---|",
    ]
    for (name, labels), group in grouped(rows):
        leaves, seconds, predict = (
            mean(float(row[column]) for row in group)
            for column in ("leaves", "seconds", "predict_seconds")
        )
        lines.append(
            f"| {name} | {labels} | {spread(group, 'test_error')} | {leaves:.0f} | "
            f"{seconds:.3g} | {predict:.2g} | {len(group)} |"
        )
    return "\n".join(lines) + "\n"


def signed_table(rows):
    """Return a Markdown table: a line an architecture."""
    found = [name for name in rows[0] if name.startswith("best_found_percent_")]
    numbers = [name.rpartition("_")[2] for name in found]
    lines = [
        "| architecture | models | falls | " + " | ".join(numbers) + " |",
        "|" + "---|" * (3 + len(found)),
    ]
    for row in rows:
        shares = " | ".join(row[name] for name in found)
        lines.append(
            f"| {row['architecture']} | {row['models']} | {row['falls']} | {shares} |"
        )
    return "\n".join(lines) + "\n"


def grouped(rows):
    """Return [((model and setting, labels), rows)] in the order of first rows."""
    groups = {}
    for row in rows:
        name = f"{row['model']}, {row['setting']}"
        groups.setdefault((name, row["labels"]), []).append(row)
    return groups.items()


def spread(group, column):
    """Return the mean of a column and, of several rows, its standard deviation."""
    values = [float(row[column]) for row in group]
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{mean(values):.2f} ± {stdev(values):.2f}"


if __name__ == "__main__":
    main()
