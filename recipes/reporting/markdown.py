"""Markdown tables."""


def table(titles, lines):
    """Return a Markdown table.

    Args:
        titles: the column titles.
        lines: for each line its cells, strings or numbers.
    """
    texts = [titles, ["---"] * len(titles), *lines]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in texts)
