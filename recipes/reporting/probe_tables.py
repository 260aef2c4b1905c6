"""What linear probes of each level tell: the table, the curves and two claims."""

from statistics import mean

from recipes.reporting.records import grouped, markdown_table

# A class that is told as well as this share of the best level's accuracy is told.
ENOUGH = 0.95
CLASS = "class"


def scores(rows):
    """Return {(nuisances, trained, factor): [mean score of each level]} over seeds.

    Args:
        rows: rows of `nuisance_probe.csv`.
    """
    return {
        key: [mean(float(run[level]) for run in runs) for level in _levels(rows)]
        for key, runs in _groups(rows)
    }


def probes(rows):
    """Return a table with a line for each factor: means over seeds of each level.

    Args:
        rows: rows of `nuisance_probe.csv`.
    """
    found, runs = scores(rows), dict(_groups(rows))
    lines = [
        [nuisances, factor, trained, *(f"{v:.2f}" for v in found[key]), len(runs[key])]
        for key in sorted(found, key=_place_of(found))
        for nuisances, trained, factor in [key]
    ]
    titles = ["nuisances", "factor", "trained", "pixels"]
    titles += [f"level {n}" for n in range(1, len(_levels(rows)))]
    return markdown_table([*titles, "seeds"], lines)


def claims(rows):
    """Return sentences that hold the figures against the paper's two claims.

    Args:
        rows: rows of `nuisance_probe.csv`.
    """
    found = scores(rows)
    return f"{_information(found)}\n{_depth(found)}\n"


def _information(found):
    """Say how much of many nuisances the last hidden level tells."""
    before, after = (_nuisances(found, trained) for trained in ("no", "yes"))
    last = len(after) - 2
    change = "more" if after[last] > before[last] else "less"
    share = "more" if after[last] > 0.5 else "less"
    return (
        f"Of many nuisances, level {last}, the last hidden one, tells a mean R² of "
        f"{after[last]:.2f} after\ntraining: {change} than before it "
        f"({before[last]:.2f}), where the pixels tell {after[0]:.2f}. The paper finds\n"
        f"significant information there; here it is {share} than half of the variance."
    )


def _nuisances(found, trained):
    """Return for each level the mean score of many nuisances."""
    scores_of = [
        levels
        for (name, answer, factor), levels in found.items()
        if (name, answer) == ("many", trained) and factor != CLASS
    ]
    return [mean(level) for level in zip(*scores_of, strict=True)]


def _depth(found):
    """Say from which level on the class is told."""
    few, many = (enough_from(found[name, "yes", CLASS]) for name in ("few", "many"))
    verdict = (
        "So more nuisances need more levels,\nas the paper says."
        if many > few
        else "So more nuisances did not need more\nlevels here, which the paper says "
        "they do."
    )
    return (
        f"The class is told with {ENOUGH:.0%} of the best level's accuracy from level "
        f"{few} on with few\nnuisances, and from level {many} on with many. {verdict}"
    )


def enough_from(levels):
    """Return the first level whose score is `ENOUGH` of the best one's."""
    return next(n for n, v in enumerate(levels) if v >= ENOUGH * max(levels))


def _groups(rows):
    return grouped(
        # One draw of images a seed.
        [row | {"draw": row["seed"]} for row in rows],
        lambda row: (row["nuisances"], row["trained"], row["factor"]),
    )


def _levels(rows):
    return [name for name in rows[0] if name.startswith("level_")]


def _place_of(found):
    """Return a key that puts a factor's untrained and trained lines side by side."""
    first = list(found)
    factors = list(dict.fromkeys(factor for *_, factor in first))
    names = list(dict.fromkeys(name for name, *_ in first))
    return lambda key: (names.index(key[0]), factors.index(key[2]), key[1])
