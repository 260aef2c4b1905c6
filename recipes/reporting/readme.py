"""README's results: one sentence and one table, made from the rows."""

import shlex
from dataclasses import dataclass

from recipes.common.results import read_rows
from recipes.reporting.cell_tables import BASELINES, median_seconds, paper_error
from recipes.reporting.records import (
    grouped_by_settings,
    last_settings,
    markdown_table,
    mean_of,
    published,
    spread,
)
from recipes.tables.cells import (
    ALL,
    FROM_FEW_LABELS,
    LABELED_ONLY,
    PRETRAINING,
    SECOND_NETWORK,
    SEMI_SUPERVISED,
    SUPERVISED,
)
from recipes.tables.options import DEFAULTS

START, END = "<!-- results -->\n", "<!-- /results -->"
FIVE_LEVELS = "drmm_conv_small"
# The stock convnet with the levels of a model.
CONVNETS = {FIVE_LEVELS: "convnet", "drmm_lenet": "convnet_2", "rfm": "convnet_1"}
NAMES = {"pseudo_label": "pseudo-label", "ladder": "ladder network", "swwae": "SWWAE"}


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Attributes:
        what: plain words for what learns.
        labels: number of labelled images.
        model: name of the model.
        setting: the setting, see `recipes.tables.cells`.
        table: number of the paper's table.
    """

    what: str
    labels: int
    model: str = FIVE_LEVELS
    setting: str = SEMI_SUPERVISED
    table: int = 1

    @property
    def cell(self):
        """The cell as (table, setting, model, labels), strings."""
        return str(self.table), self.setting, self.model, str(self.labels)

    @property
    def rivals(self):
        """The cells of what the model is compared with."""
        labels = str(self.labels)
        if self.model not in CONVNETS:
            return []
        table, setting = (
            ("3", SUPERVISED) if self.labels == ALL else ("5", LABELED_ONLY)
        )
        found = [(table, setting, CONVNETS[self.model], labels)]
        if self.model == FIVE_LEVELS and self.setting in FROM_FEW_LABELS:
            found += [("1", SEMI_SUPERVISED, model, labels) for model in BASELINES]
        return found

    @property
    def command(self):
        """The command that trains the model, without `python -m recipes.`."""
        words = ["table"]
        for name in ("table", "setting", "model", "labels"):
            if getattr(self, name) != DEFAULTS[name]:
                words += [f"--{name}", str(getattr(self, name))]
        return shlex.join(words)


LINES = (
    *(Line("DRMM of 5 levels", labels) for labels in (100, 600, 1000, 3000)),
    Line("a second network, taught by the first", 100, setting=SECOND_NETWORK),
    Line("DRMM of 2 levels", 100, "drmm_lenet"),
    Line("RFM, 1 level", 100, "rfm"),
    Line("DRMM of 5 levels, all labels", ALL, table=3),
    Line("DRMM of 5 levels, pre-trained by hard EM", 100, setting=PRETRAINING),
    *(Line(f"{NAMES[model]}, 5 levels", 100, model) for model in BASELINES),
)


def write(path):
    """Replace the text between the two marks of README.

    Args:
        path: the file.
    """
    before, rest = path.read_text().split(START)
    after = rest.split(END)[1]
    recorded = read_rows("tables"), read_rows("paper")
    results = f"{headline(*recorded)}\n{table(*recorded)}"
    path.write_text(f"{before}{START}{results}{END}{after}")


def table(rows, paper):
    """Return the table of results.

    Args:
        rows: rows of `tables.csv`.
        paper: rows of `paper.csv`.
    """
    found, figures = dict(grouped_by_settings(last_settings(rows))), published(paper)
    lines = []
    for line in LINES:
        runs = _runs(found, line.cell)
        lines.append(
            [
                *(line.what, f"{line.labels:,}"),
                f"{spread(runs, 'test_error')} ({len(runs)})",
                paper_error(line.cell, figures),
                _best_rival(line, found),
                duration(median_seconds(runs)),
                f"`{line.command}`",
            ]
        )
    titles = ["what learns", "labels", "our error (runs)", "the paper's"]
    titles += ["best baseline's", "time", "command"]
    return markdown_table(titles, lines)


def _runs(found, cell):
    if cell not in found:
        raise ValueError(
            f"{cell} has no row with today's epochs: run `python -m recipes.table`."
        )
    return found[cell]


def _best_rival(line, found):
    """Return the smallest error of a line's rivals and its name, "" without any."""
    errors = {
        cell: mean_of(found[cell], "test_error")
        for cell in line.rivals
        if cell in found
    }
    if not errors:
        return ""
    best = min(errors, key=errors.get)
    name = NAMES.get(best[2], "convnet")
    return f"{spread(found[best], 'test_error')} ({name})"


def duration(seconds):
    """Return seconds in words: minutes from 100 seconds on."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def headline(rows, paper):
    """Return two sentences: 5 levels and 100 labels, and the paper's figures.

    Args:
        rows: rows of `tables.csv`.
        paper: rows of `paper.csv`.
    """
    found = dict(grouped_by_settings(last_settings(rows)))
    cells = [
        ("1", setting, FIVE_LEVELS, "100")
        for setting in (SEMI_SUPERVISED, SECOND_NETWORK)
    ]
    runs = [_runs(found, cell) for cell in cells]
    first, second = (f"{spread(v, 'test_error')} % ({len(v)} runs)" for v in runs)
    best = min(mean_of(group, "test_error") for group in runs)
    theirs = published(paper)[cells[0]]
    compared = " and ".join(
        f"{error} % for {name} ({'not reached' if float(error) < best else 'reached'})"
        for name, error in theirs.items()
    )
    return (
        f"With 100 labels the model of 5 levels has an error of {first}, and a second\n"
        f"network taught by it has {second}. The paper reports\n"
        f"{compared}.\n"
    )
