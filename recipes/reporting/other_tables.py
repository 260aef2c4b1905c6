"""Tables of EM, trees, signed inference, the objective's terms and the presets."""

import json
from statistics import mean, median, stdev

from recipes.reporting.records import grouped, markdown_table, mean_of, spread

# Variants of this name change the zoo's objective. The others change the objective
# that the search for it began with.
ZOO = "zoo, "
# What `recipes.explanations` compares images of most activity with.
ASCENT = "gradient ascent"


def seconds(rows):
    """Return a table of the time of sweeps and of the solver: medians over runs.

    Args:
        rows: rows of `benchmark_em.csv`.
    """
    groups = {}
    for row in rows:
        if row["measure"] in ("sweep", "solve"):
            groups.setdefault((row["measure"], row["method"]), []).append(row)
    lines = []
    for (measure, method), group in sorted(groups.items()):
        middle = median(float(row["seconds"]) for row in group)
        lines.append([f"{measure}: {method}", f"{middle:.3g}", len(group)])
    return markdown_table(["measured", "seconds", "runs"], lines)


def plain_fit(rows):
    """Return a table of learning by two lines: the mean error over draws.

    Args:
        rows: rows of `plain_fit.csv`.
    """
    lines = []
    for (name, labels, epochs), runs in grouped(
        rows, lambda row: (row["data"], row["labels"], row["epochs"])
    ):
        error = spread(runs, "test_error")
        lines.append([name, labels, epochs, error, len(runs)])
    return markdown_table(["data", "labels", "epochs", "error", "runs"], lines)


def imbalance(rows):
    """Return a table of learning where most images are of one class: means over draws.

    Args:
        rows: rows of `imbalance.csv`.
    """
    lines = []
    for (frequent, method), runs in grouped(
        sorted(rows, key=lambda row: float(row["frequent"])),
        lambda row: (row["frequent"], row["method"]),
    ):
        columns = ("error_frequent", "error_rare", "balanced_error")
        errors = [spread(runs, column) for column in columns]
        lines.append([f"{float(frequent):.0%}", method, *errors, len(runs)])
    titles = [
        "of the frequent class",
        "learned by",
        "its error",
        "the rare one's",
        "balanced error",
        "runs",
    ]
    return markdown_table(titles, lines)


def untuned(rows):
    """Return a table of data that nothing was chosen on: errors of each method.

    Args:
        rows: rows of `few_labels.csv`.
    """
    return _methods(rows, "data")


def digits(rows):
    """Return a table of small digits beside scikit-learn: errors of each method.

    Args:
        rows: rows of `digits.csv`.
    """
    return _methods(rows, "images")


def _methods(rows, first):
    """Return a table with a column for each method.

    A mean of fewer draws than the row has says of how many.

    Args:
        rows: with `model`, `labels` and `test_error`.
        first: the column that leads, of different data.
    """
    models = list(dict.fromkeys(row["model"] for row in rows))
    found = dict(grouped(rows, lambda row: ((row[first], row["labels"]), row["model"])))
    lines = []
    for name in dict.fromkeys(key for key, _ in found):
        runs = [found.get((name, model), []) for model in models]
        draws = max(map(len, runs))
        errors = [
            (spread(group, "test_error") if group else "")
            + (f" ({len(group)})" if 0 < len(group) < draws else "")
            for group in runs
        ]
        lines.append([*name, *errors, draws])
    return markdown_table([first, "labels", *models, "draws"], lines)


def calibration(rows):
    """Return a table of the ways to a temperature: means over draws.

    Args:
        rows: rows of `calibration.csv`.
    """
    # Digits after the point of each column.
    columns = {"temperature": 2, "ece": 4, "cross_entropy": 4, "aurc": 3}
    lines = []
    for (model, images, way), runs in grouped(
        rows, lambda row: (row["model"], row["images"], row["way"])
    ):
        measured = [spread(runs, *column) for column in columns.items()]
        error = spread(runs, "test_error")
        lines.append([f"`{model}`", images, error, way, *measured, len(runs)])
    titles = ["network", "images", "error (%)", "temperature by", "T", "ECE"]
    titles += ["cross entropy", "error (%), mean over shares answered", "runs"]
    return markdown_table(titles, lines)


def next_labels(rows):
    """Return a table of labels that were proposed and random: means over draws.

    Args:
        rows: rows of `next_labels.csv`.
    """
    lines = []
    for key, runs in grouped(
        rows, lambda row: (row["data"], row["labels"], row["chosen"])
    ):
        lines.append([*key, spread(runs, "test_error"), len(runs)])
    return markdown_table(["data", "labels", "chosen", "error", "draws"], lines)


def foreign_among_unlabelled(rows):
    """Return a table of learning beside foreign images: means over seeds.

    Args:
        rows: rows of `foreign.csv`.
    """
    lines = []
    for (images, labels), runs in grouped(
        rows, lambda row: (row["images"], row["labels"])
    ):
        columns = "error_without", "error_with", "error_weighed"
        errors = [spread(runs, column) for column in columns]
        found = [json.loads(run["auroc"])["foreign_images"]["all"] for run in runs]
        lines.append([images, labels, *errors, f"{mean(found):.3f}", len(runs)])
    titles = ["images", "labels", "without them", "with them", "weighed down"]
    return markdown_table([*titles, "AUROC of the score", "runs"], lines)


def explanations(rows):
    """Return a table of how good maps of evidence are.

    Args:
        rows: rows of `explanations.csv`.
    """
    lines = []
    for row in _last(rows):
        if row["measure"] == "evidence":
            columns = ("deletion", "insertion", "other_answer", "random_levels")
            numbers = [f"{float(row[name]):.3f}" for name in columns]
            lines.append([row["preset"], row["method"], *numbers])
    titles = ["preset", "map", "deletion", "insertion"]
    titles += ["like another answer's", "like random levels'"]
    return markdown_table(titles, lines)


def activity(rows):
    """Return a table of the images of most activity, and what gradient ascent reaches.

    Args:
        rows: rows of `explanations.csv`.
    """
    found = [row for row in _last(rows) if row["measure"] == "activity"]
    ascent = {row["preset"]: row for row in found if row["method"] == ASCENT}
    lines = []
    for row in found:
        score, took = float(row["score"]), float(row["seconds"])
        shares = ["", ""]
        if row["preset"] in ascent:
            other = ascent[row["preset"]]
            shares[0] = f"{score / float(other['score']):.3f}"
            shares[1] = f"{took / float(other['seconds']):.3f}"
        lines.append(
            [row["preset"], row["method"], f"{score:.2f}", f"{took:.2f}", *shares]
        )
    titles = ["preset", "found by", "mean logit", "seconds"]
    titles += ["logit / ascent's", "seconds / ascent's"]
    return markdown_table(titles, lines)


def _last(rows):
    """Return the last row of each preset, measure and method."""
    return {
        (row["preset"], row["measure"], row["method"]): row for row in rows
    }.values()


def generation(rows):
    """Return a table of what samples are like: means over seeds.

    Args:
        rows: rows of `generation.csv`.
    """
    # Digits after the point of each column.
    columns = {
        "share": 2,
        "share_once": 2,
        "frechet": 3,
        "frechet_real": 3,
        "trained_on": 2,
        "trained_on_real": 2,
        "reconstructions": 2,
        "bits": 3,
    }
    lines = []
    for (preset, name, _), runs in _generators(rows):
        measured = [spread(runs, *column) for column in columns.items()]
        took = f"{mean_of(runs, 'cpu_seconds'):.0f}"
        lines.append([preset, name, *measured, took, len(runs)])
    titles = [
        "preset",
        "prior or peer",
        "% of the class",
        "drawn once",
        "Fréchet distance",
        "real images",
        "error (%) trained on",
        "real images",
        "cost",
        "bits a pixel",
        "CPU seconds",
        "seeds",
    ]
    return markdown_table(titles, lines)


def styles(rows):
    """Return a table of style transfer: means over seeds.

    Args:
        rows: rows of `generation.csv`.
    """
    lines = []
    for (preset, name, _), runs in _generators(rows):
        if not runs[0]["style_shift_share"]:
            continue
        for method in ("posterior", "transport", "shift"):
            measured = [
                spread(runs, f"style_{method}_{column}")
                for column in ("share", "slant", "ink", "x", "y")
            ]
            lines.append([preset, name, method, *measured, len(runs)])
    names = ["preset", "prior", "method", "% of the class asked for"]
    return markdown_table([*names, "slant", "ink", "x", "y", "seeds"], lines)


def foreign(rows):
    """Return a table of the areas under the ROC curve of each score: means over seeds.

    Args:
        rows: rows of `generation.csv`.
    """
    lines, kinds = [], []
    for (preset, _, _), runs in _generators(rows):
        if not runs[0]["auroc"]:
            continue
        found = [json.loads(run["auroc"]) for run in runs]
        kinds = list(found[0]["bound"])
        for score in found[0]:
            areas = [mean(areas[score][kind] for areas in found) for kind in kinds]
            lines.append([preset, score, *(f"{v:.3f}" for v in areas), len(runs)])
    return markdown_table(["preset", "score", *kinds, "seeds"], lines)


def _generators(rows):
    """Group rows of `generation.csv` by what generates, those of test images alone."""
    tested = [row | {"draw": ""} for row in rows if row["held_out"] == "test"]
    return grouped(tested, lambda row: (row["preset"], _name_of(row), row["settings"]))


def _name_of(row):
    epochs = json.loads(row["settings"]).get("epochs")
    return row["peer"] or f"switch prior, {epochs} epoch{'s' * (epochs > 1)}"


def growth(rows):
    """Return a table with a line for each number of images and size of a level.

    Args:
        rows: rows of `benchmark_em.csv`.
    """
    lines = []
    for row in rows:
        if row["measure"] == "growth":
            size, took = "x".join([row["kernel_size"]] * 2), float(row["seconds"])
            lines.append([row["images"], row["channels"], size, f"{took:.4f}"])
    titles = ["images", "templates", "size of a template", "seconds"]
    return markdown_table(titles, lines)


def learning(rows):
    """Return a table of the last error of each method: means over seeds.

    Args:
        rows: rows of `benchmark_em.csv`.
    """
    last = {}
    for row in rows:
        if row["measure"] == "learn":
            last.setdefault(row["method"], {})[row["seed"]] = row
    lines = []
    for method, seeds in last.items():
        group = list(seeds.values())
        errors = [float(row["error"]) for row in group]
        deviation = f" ± {stdev(errors):.4f}" if len(errors) > 1 else ""
        epochs, took = mean_of(group, "epoch"), mean_of(group, "seconds")
        error = f"{mean(errors):.4f}{deviation}"
        lines.append([method, error, f"{epochs:.0f}", f"{took:.0f}", len(group)])
    return markdown_table(["method", "error", "epochs", "seconds", "seeds"], lines)


def classification(rows):
    """Return a table with a line for each run.

    Args:
        rows: rows of `em_mnist.csv`.
    """
    names = "model", "setting", "labels", "test_error", "seconds"
    titles = [name.replace("_", " ") for name in names]
    return markdown_table(titles, ([row[name] for name in names] for row in rows))


def rmm(rows):
    """Return a table with a line for each number of labels: means over runs.

    Args:
        rows: rows of `rmm_mnist.csv`.
    """
    lines = []
    for labels, runs in grouped(rows, lambda row: row["labels"]):
        rises = sum(int(run["rises"]) for run in runs)
        took = mean_of(runs, "seconds")
        errors, log_probs = spread(runs, "test_error"), spread(runs, "test_log_prob")
        lines.append([labels, errors, log_probs, rises, f"{took:.0f}", len(runs)])
    titles = ["labels", "test error", "ln p(I), nats", "rises", "seconds", "runs"]
    return markdown_table(titles, lines)


def evolutionary(rows):
    """Return a table with a line for each model: means over seeds.

    Args:
        rows: rows of `evolutionary_mnist.csv`.
    """
    lines = []
    names = "model", "setting", "labels"
    for key, runs in grouped(rows, lambda row: tuple(row[name] for name in names)):
        line = [*key, spread(runs, "test_error"), f"{mean_of(runs, 'leaves'):.0f}"]
        line.append(f"{mean_of(runs, 'seconds'):.3g}")
        line.append(f"{mean_of(runs, 'predict_seconds'):.2g}")
        lines.append([*line, len(runs)])
    figures = "test error", "leaves", "fit, seconds", "predict, seconds", "runs"
    return markdown_table([*names, *figures], lines)


def signed(rows):
    """Return a table with a line for each architecture.

    Args:
        rows: rows of `signed_inference.csv`.
    """
    shares = [name for name in rows[0] if name.startswith("best_found_percent_")]
    names = ["architecture", "models", "falls", *shares]
    titles = [name.removeprefix("best_found_percent_") for name in names]
    return markdown_table(titles, ([row[name] for name in names] for row in rows))


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
        best = mean_of(runs, "validation_error")
        line = [model, *own, spread(runs, "validation_error"), len(runs)]
        line += [variant.removeprefix(ZOO), runs[-1]["meaning"]]
        groups.append((model, *own, best, line))
    titles = ["model", "labels", "epochs", "images", "validation error", "runs"]
    titles += ["variant", "meaning"]
    return markdown_table(titles, (line for *_, line in sorted(groups)))


def lost_cells(rows):
    """Return a table of what was tried for cells that are lost, the best first.

    Args:
        rows: rows of `lost_cells.csv`.
    """
    return _variants(
        [
            {**row, "model": f"{row['model']}, {row['setting']}", "variant": row["way"]}
            for row in rows
        ]
    )


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
        name = f"[`{card['name']}`](#{card['name']})"
        line = [name, card["data"], card["labels"], card["setting"], error, runs]
        lines.append([*line, "yes" if "generation" in card else "no"])
    titles = ["preset", "data", "labels", "setting", "test error", "all runs"]
    titles.append("prior of switches")
    return markdown_table(titles, lines)


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
    return markdown_table([*titles, "most frequent confusions"], lines)
