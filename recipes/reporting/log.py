"""The page with the log of every run, those with retired settings included."""

import json

from recipes.reporting import markdown, other_tables, speed_tables
from recipes.reporting.error_tables import median_seconds
from recipes.reporting.records import (
    cell_of,
    grouped_by_settings,
    last_settings,
    rows,
    settings_of,
    spread,
)

# Keys of `objective` that are not the weight of a term.
NO_TERMS = "augmentation", "render_divisor", "warmup_steps", "marginal_chance"


def page():
    """Return the page."""
    runs = rows("tables")
    return f"""# The log of every run

Written by `python -m recipes.report`. [Results](results.md) shows today's settings.
This page has a line for every cell and all settings that it was ever run with. Old
commands may have [another name today](guides/retired_commands.md).

## Settings

{settings_table(runs)}
The weights are those of the [terms of the objective](api/learning.md). `render_divisor`
and `warmup_steps` are arguments of `EG`. `marginal_chance` was one: it ignored as much
of `marginal_kl` as chance explains, made no difference and was removed. The learning
rate is that of the first step; it falls to 0 along a cosine. A `-` means that the
method has no such setting.

## Test errors

Test error in percent: mean and standard deviation over runs. Runs of one line have
equal settings and epochs; they may differ in precision, which decides the speed.
`settings` is a number of the table above. `yes` marks the last settings of a cell,
which [Results](results.md) has too. Machine, seed, commit and command of each run are
in `recipes/results/tables.csv`.

{cells_table(runs)}
## When the validation error first fell below a threshold

As in [Results](results.md#how-fast-do-they-learn), for all settings and epochs.

{speed_tables.all_first_below(rows("epochs"))}
## The search for the objective

Validation errors in percent of variants of the objective that the search began with.
Today's objective is in `keras_drmm/zoo/settings.py`, and
[Results](results.md#which-terms-of-the-objective-help) has the variants of it.

{other_tables.early_variants(rows("ablation"))}"""


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
            sweeps, images = (settings["pretraining"][v] for v in ("sweeps", "images"))
            words += (
                f"; before that {sweeps:g} sweeps of hard EM over {images:,.0f} images"
            )
        divisor, steps = (
            f"{objective[name]:g}" if name in objective else "-"
            for name in ("render_divisor", "warmup_steps")
        )
        rate = f"{optimizer['name']} {optimizer['learning_rate']:g}"
        augmentation = objective["augmentation"] or "-"
        lines.append([number, words, augmentation, divisor, steps, rate])
    titles = ["", "terms and weights", "augmentation", "`render_divisor`"]
    return markdown.table([*titles, "`warmup_steps`", "optimizer"], lines)


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
    return markdown.table(titles, sorted(lines))
