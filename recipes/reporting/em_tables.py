"""Tables of what learns by EM: the RMM, and DRMMs by hard and soft EM."""

from statistics import mean, median, stdev

from recipes.reporting import markdown
from recipes.reporting.records import grouped, spread


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
    return markdown.table(["measured", "seconds", "runs"], lines)


def growth(rows):
    """Return a table with a line for each number of images and size of a level.

    Args:
        rows: rows of `benchmark_em.csv`.
    """
    lines = [
        [
            *(row["images"], row["channels"]),
            *("x".join([row["kernel_size"]] * 2), f"{float(row['seconds']):.4f}"),
        ]
        for row in rows
        if row["measure"] == "growth"
    ]
    titles = ["images", "templates", "size of a template", "seconds"]
    return markdown.table(titles, lines)


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
        epochs, took = (
            mean(float(row[column]) for row in group) for column in ("epoch", "seconds")
        )
        error = f"{mean(errors):.4f}{deviation}"
        lines.append([method, error, f"{epochs:.0f}", f"{took:.0f}", len(group)])
    return markdown.table(["method", "error", "epochs", "seconds", "seeds"], lines)


def classification(rows):
    """Return a table with a line for each run.

    Args:
        rows: rows of `em_mnist.csv`.
    """
    lines = [
        [
            *(row["model"], row["setting"], row["labels"]),
            *(row["test_error"], row["seconds"]),
        ]
        for row in rows
    ]
    titles = ["model", "setting", "labels", "test error", "seconds"]
    return markdown.table(titles, lines)


def rmm(rows):
    """Return a table with a line for each number of labels: means over runs.

    Args:
        rows: rows of `rmm_mnist.csv`.
    """
    lines = []
    for labels, runs in grouped(rows, lambda row: row["labels"]):
        rises = sum(int(run["rises"]) for run in runs)
        took = mean(float(run["seconds"]) for run in runs)
        errors, log_probs = spread(runs, "test_error"), spread(runs, "test_log_prob")
        lines.append([labels, errors, log_probs, rises, f"{took:.0f}", len(runs)])
    titles = ["labels", "test error", "ln p(I), nats", "rises", "seconds", "runs"]
    return markdown.table(titles, lines)
