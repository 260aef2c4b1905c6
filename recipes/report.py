"""Write the results of README.md and the site from the recorded rows.

    python -m recipes.report

Reads `recipes/results/*.csv` and the presets' cards, and writes the table of README.md,
docs/results.md, docs/results_log.md, docs/zoo.md and pictures in docs/images. Seconds
on one core.
"""

from recipes.common.results import PROJECT, read_rows
from recipes.reporting import figures, pages, readme, scaling
from recipes.reporting.records import last_settings


def main():
    """Write README's results, the pages and the pictures."""
    docs = PROJECT / "docs"
    readme.write(PROJECT / "README.md")
    (docs / "results.md").write_text(pages.results())
    (docs / "results_log.md").write_text(pages.log())
    (docs / "zoo.md").write_text(pages.zoo())
    found = read_rows("tables"), read_rows("paper")
    table = readme.table(*found)
    runs = last_settings(found[0])
    figures.write(
        runs,
        found[1],
        read_rows("epochs"),
        read_rows("nuisance_probe"),
        scaling.curves(read_rows("scaling")),
        table,
        docs / "images",
    )


if __name__ == "__main__":
    main()
