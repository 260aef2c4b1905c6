"""Tables of trees, signed inference, the objective's terms and the presets."""

from statistics import mean

from recipes.reporting import markdown
from recipes.reporting.records import grouped, spread

# Variants of this name change the zoo's objective. The others change the objective
# that the search for it began with.
ZOO = "zoo, "


def evolutionary(rows):
    """Return a table with a line for each model: means over seeds.

    Args:
        rows: rows of `evolutionary_mnist.csv`.
    """
    lines = []
    names = "model", "setting", "labels"
    for key, runs in grouped(rows, lambda row: tuple(row[name] for name in names)):
        leaves, seconds, predict = (
            mean(float(run[column]) for run in runs)
            for column in ("leaves", "seconds", "predict_seconds")
        )
        line = [*key, spread(runs, "test_error"), f"{leaves:.0f}"]
        lines.append([*line, f"{seconds:.3g}", f"{predict:.2g}", len(runs)])
    figures = "test error", "leaves", "fit, seconds", "predict, seconds", "runs"
    return markdown.table([*names, *figures], lines)


def signed(rows):
    """Return a table with a line for each architecture.

    Args:
        rows: rows of `signed_inference.csv`.
    """
    shares = [name for name in rows[0] if name.startswith("best_found_percent_")]
    names = ["architecture", "models", "falls", *shares]
    titles = [name.removeprefix("best_found_percent_") for name in names]
    return markdown.table(titles, ([row[name] for name in names] for row in rows))


def zoo_variants(rows):
    """Return a table of what changes of the zoo's objective do, the best first.

    Args:
        rows: rows of `ablation.csv`.
    """
    return _variants([row for row in rows if row["variant"].startswith(ZOO)])


def early_variants(rows):
    """Return the same table for the objective that the search began with."""
    return _variants([row for row in rows if not row["variant"].startswith(ZOO)])


def _variants(rows):
    groups, numbers = [], ("labels", "epochs", "validation_images")
    for (model, *own, variant), runs in grouped(
        rows,
        lambda row: (row["model"], *(int(row[v]) for v in numbers), row["variant"]),
    ):
        best = mean(float(run["validation_error"]) for run in runs)
        line = [model, *own, spread(runs, "validation_error"), len(runs)]
        line += [variant.removeprefix(ZOO), runs[-1]["meaning"]]
        groups.append((model, *own, best, line))
    titles = ["model", "labels", "epochs", "images", "validation error", "runs"]
    titles += ["variant", "meaning"]
    return markdown.table(titles, (line for *_, line in sorted(groups)))


def presets(cards):
    """Return a table with a line for each preset.

    Args:
        cards: the presets' metadata.
    """
    lines = []
    for card in cards:
        runs = f"{card['mean_test_error']:.2f}"
        if card["draws"] > 1:
            runs += f" ± {card['std_test_error']:.2f}"
        error = f"{card['test_error']:.2f}"
        line = [f"`{card['name']}`", card["labels"], card["setting"], error, runs]
        lines.append([*line, card["chosen"]])
    titles = ["preset", "labels", "setting", "test error", "all runs", "chosen as"]
    return markdown.table(titles, lines)


def remaining(rows):
    """Return a table with a line for each preset, its last row.

    Args:
        rows: rows of `remaining_errors.csv`.
    """
    lines = []
    for preset, row in sorted({row["preset"]: row for row in rows}.items()):
        names = "images", "wrong", "sure", "sure_and_wrong"
        images, wrong, sure, both = (int(row[name]) for name in names)
        of_sure = f"{100 * both / sure:.2f}" if sure else "-"
        shares = f"{100 * wrong / images:.2f}", f"{100 * sure / images:.1f}", of_sure
        lines.append([f"`{preset}`", *shares, row["confusions"]])
    titles = ["preset", "wrong, %", "sure, %", "sure but wrong, %"]
    return markdown.table([*titles, "most frequent confusions"], lines)
