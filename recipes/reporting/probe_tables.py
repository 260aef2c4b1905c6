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
        [nuisances, factor, trained, *map(_two_digits, found[key]), len(runs[key])]
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
    names = list(after)
    last = len(after[names[0]]) - 2
    pixels, untrained, trained = (
        mean(levels[level] for levels in scores_of.values())
        for scores_of, level in ((after, 0), (before, last), (after, last))
    )
    raised = [name for name in names if after[name][last] > before[name][last]]
    lowered = [name for name in names if name not in raised]
    change = "more" if trained > untrained else "less"
    share = "more" if trained > 0.5 else "less"
    return (
        f"Of many nuisances, level {last}, the last hidden one, tells a mean R² of "
        f"{trained:.2f} after\nlearning: {change} than before it ({untrained:.2f}), "
        f"where the pixels tell {pixels:.2f}. The paper finds\n"
        f"significant information there; here it is {share} than half of the variance."
        f"\nLearning raised what the level tells of {_listed(raised)} and lowered that "
        f"of\n{_listed(lowered)}."
    )


def _nuisances(found, trained):
    """Return {nuisance: scores of levels} of many nuisances."""
    return {
        factor: levels
        for (name, answer, factor), levels in found.items()
        if (name, answer) == ("many", trained) and factor != CLASS
    }


def _listed(names):
    if not names:
        return "none"
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _two_digits(score):
    # No -0.00.
    return f"{round(score, 2) + 0:.2f}"


def _depth(found):
    """Say from which level on the class is told."""
    few, many = (enough_from(found[name, "yes", CLASS]) for name in ("few", "many"))
    verdict = (
        "So more nuisances need more levels,\nas the paper says."
        if many > few
        else "So more nuisances did not need more\nlevels here, which the paper says "
        "they do."
    )
    share = f"{100 * ENOUGH:.0f} %"
    return (
        f"The class is told with {share} of the best level's accuracy from level {few} "
        f"on with few\nnuisances, and from level {many} on with many. {verdict}"
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
