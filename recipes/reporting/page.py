"""Write the tables and pictures of README.md and docs/results.md from recorded rows.

python -m recipes.report
"""

import csv
import json
from statistics import mean, median

from recipes.common.results import PROJECT, RESULTS
from recipes.reporting import other_tables
from recipes.reporting.grouping import grouped, spread

START, END = "<!-- results -->\n", "<!-- /results -->"


def main():
    """Replace what stands between the two marks of README, and the page of results."""
    from recipes.reporting import figures

    readme = PROJECT / "README.md"
    before, rest = readme.read_text().split(START)
    after = rest.split(END)[1]
    found = rows("tables"), rows("paper")
    means = readme_table(*found)
    readme.write_text(f"{before}{START}{headline(*found)}\n{means}{END}{after}")
    (PROJECT / "docs" / "results.md").write_text(page())
    last = last_settings(rows("tables"))
    images = PROJECT / "docs" / "images"
    figures.write(last, rows("paper"), rows("epochs"), means, images)


def page():
    """Return the page of results."""
    return f"""# Results

Written by `python -m recipes.report` from `recipes/results/*.csv`; machine, backend and
commit of each run stand there. Seconds are medians over runs of one core, on machines
that differ by a factor of two.

## The paper's tables

Test error in percent, means over draws of labels, beside the paper's figure for the
model of the same depth. No augmentation but for `nuisances`, where the class must also
be that of the moved, turned, scaled and partly covered image (`pose`, of an earlier
version: not covered). The `second network` learns what a first one would label the
images; its epochs are its own, its seconds those of both. The test set is read once a
run. The paper's figure of 5 levels at 100 labels is that with nonnegativity and KL
terms. Peers have about our time, not their authors' epochs. Lines without an objective
are of earlier ones; their commits have them. `convnet`,
`convnet_2` and `convnet_1` are the stock convnets of 5, 2 and 1 levels. Commands are
those of the last run; its commit stands in `recipes/results/tables.csv`.

{means_table(rows("tables"), rows("paper"), ("epochs", "objective"))}
Table 1, semi-supervised, by the last settings of each cell; bars are standard
deviations over draws, dashes the paper's figures. [README's table as a
picture](images/table.png).

![Errors against labels](images/errors.png)

## Trained weights

What comes with the library: the test error of each file, in percent, and mean and
standard deviation of the runs of its cell. `python -m recipes.evaluate --preset NAME`
measures it again.

{presets_table(cards())}
## What remains wrong

`python -m recipes.remaining_errors --preset NAME`: the training images whose labels the
preset was not shown; of the three most frequent confusions how many images, and of how
many of these it is sure (a posterior above 0.99).

{remaining_table(rows("remaining_errors"))}
Of `drmm_conv_small_mnist_100`: images that were labelled, and of each confusion those
of the highest posterior.

![The surest errors](images/remaining_errors_drmm_conv_small_mnist_100.png)

## How fast

Epochs and seconds on one core until the error on 5,000 validation images first fell
below a threshold, epochs as means and seconds as medians over runs; - where one did not
get there. Of a second
network the epochs are its own, and the seconds those of both.

{speed_table(rows("epochs"))}
Figure 2, middle and right: 55,000 labels, EG (solid) beside the stock convnet of the
same configuration (dashed), of 1, 2 and, not in the paper, 5 levels. The dotted line is
at {min(THRESHOLDS):g} %. In the paper an RFM needs 18 epochs to a test error of 1.5 %
and its convnet 40. The two runs of 5 levels shared their machine with others, at
different times: of their seconds those in the table below are comparable.

![Validation error against epochs and seconds](images/figure2.png)

The rate falls to 0 over a run, so that a shorter one ends sooner at its best. The same
models at the end of runs of so many epochs, means over seeds:

{shortest_table(rows("epochs"))}
## The search for the objective

`python -m recipes.ablation --variant NAME`: errors in percent on training images whose
labels are hidden, means over draws. What was chosen is in `keras_drmm/zoo/settings.py`;
the variants named `zoo` change it, the others what the search began with.

{ablation_table(rows("ablation"))}
## EM of a 5-level DRMM

`python -m recipes.benchmark_em`: conv-small without batch normalisation, no labels. A
sweep or epoch of 60,000 images, and the M-step of level 4 (1,153 unknowns, 64 outputs)
from 1,000 images beside `scipy.linalg.lstsq`; seconds are medians on one core.

{other_tables.seconds_table(rows("benchmark_em"))}
How the statistics of a level on 8x8 maps grow:

{other_tables.growth_table(rows("benchmark_em"))}
Squared error a pixel of 5,000 validation images as rendered, after the seconds of 5
epochs of EG; means over seeds. The curves are in the picture below.

{other_tables.learning_table(rows("benchmark_em"))}
![Error against seconds](images/em_error.png)

Templates of the first level alone after hard EM (above) and EG (below) on 60,000
images, without labels:

![Templates learned by hard EM](images/filters_hard_EM.png)
![Templates learned by EG](images/filters_EG.png)

## Classification by EM alone

`python -m recipes.em_mnist`: hard EM of models of the zoo without batch normalisation;
without labels, 100 name the classes afterwards.

{other_tables.table(rows("em_mnist"))}
## The RMM by exact EM

MNIST, 20 templates a class, 20 sweeps; means over draws of labels or seeds. `rises`
counts sweeps that raised the objective, ln p(I) is the mean over test images.

{other_tables.rmm_table(rows("rmm_mnist"))}
## Evolutionary DRMM beside scikit-learn

MNIST, depth and number of trees as in the recipe; means over seeds. Seconds are of
`fit`, on a machine that other runs shared.

{other_tables.evolutionary_table(rows("evolutionary_mnist"))}
## Signed inference

Random signed DRMMs, small enough to render every (c, g): how often the score fell from
one alternation to the next, and in how many percent of the models the best of all was
found after so many alternations.

{other_tables.signed_table(rows("signed_inference"))}"""


def rows(name):
    """Return the recorded rows of a recipe, dictionaries."""
    with (RESULTS / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def cards():
    """Return what is said of the presets of the zoo, dictionaries."""
    return [
        json.loads(path.read_text())
        for path in sorted((PROJECT / "zoo").glob("*/metadata.json"))
    ]


# All others are of MNIST.
CIFAR_TABLE = "4"
# What the runs of a mean have in common, beside model and setting.
CELL = ("table", "labels", "epochs", "objective")


def means_table(rows, paper, shown=("epochs",)):
    """Return a Markdown table: a line for each cell, number of epochs and objective.

    Args:
        rows: dictionaries with the columns of `recipes.common.results.TABLE_COLUMNS`.
        paper: the paper's tables, dictionaries.
        shown: columns beside the cell's.
    """
    figures = published(paper)
    titles = [
        *("table", "setting", "model", "labels", *shown, "test error", "runs"),
        *("paper", "difference", "seconds, one core", "command"),
    ]
    lines = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    groups = {}
    for (_, _, labels, epochs, objective), group in grouped(rows, CELL):
        row = group[-1]
        key = row["table"], row["setting"]
        theirs = next(
            iter(figures.get((*key, row["model"], labels), {"": ""}).values())
        )
        ours = mean(float(run["test_error"]) for run in group)
        difference = f"{ours - float(theirs):+.2f}" if theirs else ""
        # Machines differ, and other runs share them.
        seconds = median(float(run["seconds"]) for run in group)
        line = [
            *(*key, row["model"], labels, *(row[column] for column in shown)),
            *(spread(group, "test_error"), str(len(group)), theirs, difference),
            *(f"{seconds:.0f}", f"`{row['command']}`"),
        ]
        groups[(*key, row["model"], int(labels), int(epochs), objective)] = (
            f"| {' | '.join(line)} |"
        )
    return "\n".join([*lines, *(groups[key] for key in sorted(groups))]) + "\n"


def published(paper):
    """Return {(table, setting, model of the recipes, labels): {name: error}}.

    The names are the paper's for the model, the nearest to ours first. What is learned
    from few labels, in whichever way, stands beside the paper's semi-supervised figure.
    """
    from recipes.tables.cells import FROM_FEW_LABELS, PAPER_NAMES, SEMI_SUPERVISED

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


def headline(rows, paper):
    """Return a sentence: the model of 5 levels with 100 labels beside the paper's."""
    from recipes.tables.cells import SECOND_NETWORK, SEMI_SUPERVISED

    found, settings = [], (SEMI_SUPERVISED, SECOND_NETWORK)
    for setting in settings:
        cell = "1", setting, "drmm_conv_small", "100"
        group = [row for row in last_settings(rows) if _cell(row) == cell]
        if not group:
            raise ValueError(f"{cell} has no row of its epochs: run `table.py`.")
        found += [runs for _, runs in grouped(group)]
    ours, second = (f"{spread(v, 'test_error')} % (runs: {len(v)})" for v in found)
    theirs = published(paper)["1", SEMI_SUPERVISED, "drmm_conv_small", "100"]
    names = ", ".join(f"{error} % ({name})" for name, error in theirs.items())
    best = min(mean(float(row["test_error"]) for row in runs) for runs in found)
    missed = [name for name, error in theirs.items() if float(error) < best]
    verdict = f"not reached: {', '.join(missed)}" if missed else "all are reached"
    return (
        f"With 100 labels the model of 5 levels has an error of {ours}, and a\n"
        f"second network that learns from it {second}. The paper's:\n"
        f"{names}; {verdict}\n"
        "([which errors remain](docs/results.md#what-remains-wrong)).\n"
    )


def readme_table(rows, paper):
    """Return the means of the headline: what learns from few labels and all images.

    Of a cell that was run with several settings the last; the site has them all.
    """
    return means_table(last_settings(rows), paper)


def last_settings(rows):
    """Return MNIST's semi-supervised rows, of a cell those with its last settings.

    The settings are the objective and the number of epochs. Rows of what `table.py` no
    longer runs are left out, and so are those of other epochs than it runs by default:
    peers get as much time as ours.
    """
    from recipes.tables.cells import FROM_FEW_LABELS, Cell
    from recipes.tables.training import default_epochs

    found = [
        row
        for row in rows
        if row["setting"] in FROM_FEW_LABELS
        and row["table"] != CIFAR_TABLE
        and int(row["epochs"]) == default_epochs(Cell.of(row))
    ]
    last = {_cell(row): row["objective"] for row in found}
    return [row for row in found if row["objective"] == last[_cell(row)]]


def _cell(row):
    return row["table"], row["setting"], row["model"], row["labels"]


# Percent: Figure 2's, and the peers'.
THRESHOLDS = (2.0, 1.5)


def learning_curves(rows):
    """Return {(setting, model, labels, epochs): {(draw, seed): rows of its epochs}}.

    Of MNIST. A run that was made again, by other settings, takes the place of the
    earlier one, but for one of other epochs: its rate fell faster or slower.
    """
    groups = {}
    for row in rows:
        if row["validation_error"] and row["table"] != CIFAR_TABLE:
            key = row["setting"], row["model"], int(row["labels"]), int(row["epochs"])
            runs, run = groups.setdefault(key, {}), (row["draw"], row["seed"])
            before = runs.get(run, [])
            is_new = before and int(row["epoch"]) <= int(before[-1]["epoch"])
            runs[run] = [row] if is_new else [*before, row]
    return groups


def speed_table(rows):
    """Return a Markdown table: when each model fell below the thresholds."""
    titles = [f"{v:g} %: epochs | seconds" for v in THRESHOLDS]
    lines = [
        "| setting | model | labels | of epochs | runs | " + " | ".join(titles) + " |",
        "|" + "---|" * (5 + 2 * len(THRESHOLDS)),
    ]
    groups = learning_curves(rows)
    for key in sorted(groups):
        runs, columns = groups[key].values(), []
        for threshold in THRESHOLDS:
            first = [
                next((v for v in run if float(v["validation_error"]) < threshold), None)
                for run in runs
            ]
            if None in first:
                columns += ["-", "-"]
                continue
            epochs = mean(float(v["epoch"]) for v in first)
            seconds = median(float(v["seconds"]) for v in first)
            columns += [f"{epochs:.3g}", f"{seconds:.0f}"]
        lines.append(
            f"| {' | '.join(map(str, key))} | {len(runs)} | {' | '.join(columns)} |"
        )
    return "\n".join(lines) + "\n"


def shortest_table(rows):
    """Return a Markdown table of Figure 2's runs: what is left after so many epochs."""
    from recipes.tables.cells import ALL_BUT_VALIDATION, FIGURE_2, SUPERVISED

    lines = [
        "| model | epochs | validation error | runs | seconds, one core |",
        "|---|---|---|---|---|",
    ]
    curves = learning_curves(rows)
    for model in (name for pair in FIGURE_2.items() for name in pair):
        key = SUPERVISED, model, ALL_BUT_VALIDATION
        for epochs in sorted(v[-1] for v in curves if v[:-1] == key):
            last = [run[-1] for run in curves[*key, epochs].values()]
            seconds = median(float(row["seconds"]) for row in last)
            lines.append(
                f"| {model} | {epochs} | {spread(last, 'validation_error')} | "
                f"{len(last)} | {seconds:.0f} |"
            )
    return "\n".join(lines) + "\n"


def ablation_table(rows):
    """Return a Markdown table: a line a variant, the best of equal runs first."""
    # Keras, which only this table needs.
    from recipes.tables.variants import RETIRED, VARIANTS

    meanings = RETIRED | {name: v.meaning for name, v in VARIANTS.items()}
    lines = [
        "| model | labels | variant | epochs | images | validation error | draws "
        "| seconds | meaning |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    groups = {}
    numbers = "labels", "epochs", "validation_images"
    for row in rows:
        key = row["model"], *(int(row[v]) for v in numbers), row["variant"]
        groups.setdefault(key, {})[row["draw"], row["seed"]] = row
    ranked = []
    for (*of, name), runs in groups.items():
        model, labels, epochs, images = of
        group = list(runs.values())
        error = spread(group, "validation_error")
        seconds = mean(float(row["seconds"]) for row in group)
        ranked.append(
            (
                *of,
                mean(float(row["validation_error"]) for row in group),
                f"| {model} | {labels} | {name} | {epochs} | {images} | {error} | "
                f"{len(group)} | {seconds:.0f} | {meanings[name]} |",
            )
        )
    return "\n".join([*lines, *(line for *_, line in sorted(ranked))]) + "\n"


def presets_table(cards):
    """Return a Markdown table: a line a preset."""
    lines = [
        "| preset | labels | setting | test error | of all runs | it is |",
        "|---|---|---|---|---|---|",
    ]
    for card in cards:
        runs = f"{card['mean_test_error']:.2f}"
        if card["draws"] > 1:
            runs += f" ± {card['std_test_error']:.2f}"
        lines.append(
            f"| {card['name']} | {card['labels']} | {card['setting']} | "
            f"{card['test_error']:.2f} | {runs} | {card['chosen']} |"
        )
    return "\n".join(lines) + "\n"


def remaining_table(rows):
    """Return a Markdown table: a line a preset, its last row."""
    lines = [
        "| preset | wrong, percent | sure of, percent | of these wrong, percent | "
        "most frequent |",
        "|---|---|---|---|---|",
    ]
    last = {row["preset"]: row for row in rows}
    for preset, row in sorted(last.items()):
        names = "images", "wrong", "sure", "sure_and_wrong"
        images, wrong, sure, both = (int(row[name]) for name in names)
        of_sure = f"{100 * both / sure:.2f}" if sure else "-"
        lines.append(
            f"| {preset} | {100 * wrong / images:.2f} | {100 * sure / images:.1f} | "
            f"{of_sure} | {row['confusions']} |"
        )
    return "\n".join(lines) + "\n"
