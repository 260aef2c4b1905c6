"""Write README's table of results from the recorded rows.

python recipes/report.py
"""

import csv
from pathlib import Path
from statistics import mean, stdev

PROJECT = Path(__file__).resolve().parents[1]
RESULTS = PROJECT / "recipes" / "results" / "mnist_semi_supervised.csv"
START, END = "<!-- results -->\n", "<!-- /results -->"


def main():
    """Replace what stands between the two marks."""
    readme = PROJECT / "README.md"
    text = readme.read_text()
    before, rest = text.split(START)
    after = rest.split(END)[1]
    with RESULTS.open() as file:
        rows = list(csv.DictReader(file))
    readme.write_text(f"{before}{START}{table(rows)}{END}{after}")


def table(rows):
    """Return a Markdown table: a line a run, then a mean for each model.

    Args:
        rows: dictionaries with the columns of `recipes.results.COLUMNS`.
    """
    lines = [
        "| model | labels | draw | test error | seconds, one core | command |",
        "|---|---|---|---|---|---|",
    ]
    groups = {}
    for row in rows:
        name = f"{row['model']}, {row['setting']}"
        groups.setdefault((name, row["labels"]), []).append(row)
    for (name, labels), group in groups.items():
        for row in group:
            lines.append(
                f"| {name} | {labels} | {row['draw']} | {row['test_error']} | "
                f"{row['seconds']} | `{row['command']}` |"
            )
        errors = [float(row["test_error"]) for row in group]
        if len(errors) > 1:
            lines.append(
                f"| **{name}** | {labels} | mean of {len(errors)} | "
                f"**{mean(errors):.2f} ± {stdev(errors):.2f}** | | |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
