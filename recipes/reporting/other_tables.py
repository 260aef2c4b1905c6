"""Tables of the results page that are not the paper's: EM, RMM, trees, signed."""

from statistics import mean, median, stdev

from recipes.reporting.grouping import grouped, spread


def table(rows):
    """Return a Markdown table: a line a run, then a mean for each model.

    Args:
        rows: dictionaries with the columns of `recipes.common.results.COLUMNS`.
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


def seconds_table(rows):
    """Return a Markdown table of EM's sweeps and its solver: medians over runs."""
    lines = ["| measured | seconds | runs |", "|---|---|---|"]
    groups = {}
    for row in rows:
        if row["measure"] in ("sweep", "solve"):
            groups.setdefault((row["measure"], row["method"]), []).append(row)
    for (measure, method), group in sorted(groups.items()):
        seconds = median(float(row["seconds"]) for row in group)
        lines.append(f"| {measure}: {method} | {seconds:.3g} | {len(group)} |")
    return "\n".join(lines) + "\n"


def growth_table(rows):
    """Return a Markdown table: a line for each size of a level, or of its data."""
    lines = ["| images | templates | size of one | seconds |", "|---|---|---|---|"]
    for row in rows:
        if row["measure"] == "growth":
            size = row["kernel_size"]
            lines.append(
                f"| {row['images']} | {row['channels']} | {size}x{size} | "
                f"{float(row['seconds']):.4f} |"
            )
    return "\n".join(lines) + "\n"


def learning_table(rows):
    """Return a Markdown table: the last error of each method and seed, as a mean."""
    last = {}
    for row in rows:
        if row["measure"] == "learn":
            last.setdefault(row["method"], {})[row["seed"]] = row
    lines = ["| method | error | epochs | seconds | seeds |", "|---|---|---|---|---|"]
    for method, seeds in last.items():
        group = list(seeds.values())
        errors = [float(row["error"]) for row in group]
        off = f" ± {stdev(errors):.4f}" if len(errors) > 1 else ""
        epochs, seconds = (
            mean(float(row[column]) for row in group) for column in ("epoch", "seconds")
        )
        lines.append(
            f"| {method} | {mean(errors):.4f}{off} | {epochs:.0f} | {seconds:.0f} | "
            f"{len(group)} |"
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
