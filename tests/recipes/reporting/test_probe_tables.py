"""Tables and claims about probes, whichever way the numbers fall."""

import statistics

import pytest

from recipes.reporting import probe_tables
from tests.recipes.reporting.rows import cells_of

pytestmark = pytest.mark.smoke


def rows_of(few, many, nuisances):
    """Return rows of 4 levels and one seed.

    Args:
        few: accuracies of the trained model with few nuisances.
        many: the same with many.
        nuisances: {trained: R² of two factors with many nuisances}.
    """
    scores = {("few", "yes", "class"): few, ("many", "yes", "class"): many}
    for trained, pair in nuisances.items():
        for factor, levels in zip(("x", "light"), pair, strict=True):
            scores["many", trained, factor] = levels
    return [
        {"nuisances": name, "trained": trained, "factor": factor, "seed": "0"}
        | {f"level_{n}": str(v) for n, v in enumerate(levels)}
        for (name, trained, factor), levels in scores.items()
    ]


UNTRAINED = [0.1, 0.3, 0.2, 0.0], [0.3, 0.5, 0.4, 0.0]
TRAINED = [0.1, 0.9, 0.8, 0.0], [0.3, 0.5, 0.6, 0.0]
EARLY, LATE = [0.2, 0.96, 0.9, 1.0], [0.1, 0.3, 0.8, 0.82]


def test_lines_are_means_over_seeds_before_and_after_training():
    first = rows_of(EARLY, LATE, {"no": UNTRAINED, "yes": TRAINED})
    second = [row | {"seed": "1", "level_1": "0.0"} for row in first]
    found = cells_of(probe_tables.probes(first + second))
    half = f"{statistics.mean([0.96, 0]):.2f}"
    assert found[3][3] == "0.10"
    assert found[0] == ["few", "class", "yes", "0.20", half, "0.90", "1.00", "2"]
    assert [line[:3] for line in found] == [
        ["few", "class", "yes"],
        ["many", "class", "yes"],
        ["many", "x", "no"],
        ["many", "x", "yes"],
        ["many", "light", "no"],
        ["many", "light", "yes"],
    ]
    # Nothing is -0.00.
    close = [row | {"level_0": "-0.001"} for row in first]
    assert cells_of(probe_tables.probes(close))[0][3] == "0.00"
    # A seed that ran again counts once.
    assert cells_of(probe_tables.probes(first + first))[0][-1] == "1"


def test_the_first_level_that_tells_enough_is_found():
    assert probe_tables.enough_from(EARLY) == 1
    assert probe_tables.enough_from(LATE) == 2
    assert probe_tables.enough_from([1.0, 0.5, 0.96]) == 0


@pytest.mark.parametrize("grows", [True, False])
@pytest.mark.parametrize("learns", [True, False])
def test_claims_follow_the_numbers(grows, learns):
    depths = (EARLY, LATE) if grows else (LATE, EARLY)
    groups = (UNTRAINED, TRAINED) if learns else (TRAINED, UNTRAINED)
    rows = rows_of(*depths, dict(zip(("no", "yes"), groups, strict=True)))
    text = " ".join(probe_tables.claims(rows).split())
    # Level 2 of levels 1 to 3 is the last hidden one.
    before, after = ("0.30", "0.70") if learns else ("0.70", "0.30")
    change, share = ("more", "more") if learns else ("less", "less")
    assert f"level 2, the last hidden one, tells a mean R² of {after} after" in text
    # Each of the two factors rises or falls as its own numbers do.
    raised, lowered = ("x and light", "none") if learns else ("none", "x and light")
    assert f"tells of {raised} and lowered that of {lowered}." in text
    assert f"{change} than before it ({before}), where the pixels tell 0.20" in text
    assert f"here it is {share} than half of the variance" in text
    first, second = (1, 2) if grows else (2, 1)
    assert f"from level {first} on with few" in text
    assert f"from level {second} on with many" in text
    assert ("as the paper says" in text) == grows
    assert ("did not need more levels" in text) != grows
