"""README, the pages of results and their pictures are made from the rows."""

import ast
from graphlib import TopologicalSorter

import pytest

from recipes import report
from recipes.common import results
from recipes.common.results import PROJECT
from recipes.reporting import figures, pages, readme

pytestmark = pytest.mark.smoke


def test_readme_and_site_are_up_to_date():
    """No number in their tables is typed in by hand."""
    found = results.read_rows("tables"), results.read_rows("paper")
    text = (PROJECT / "README.md").read_text()
    for part in (readme.table, readme.headline):
        assert part(*found) in text
    assert (PROJECT / "docs" / "results.md").read_text() == pages.results()
    assert (PROJECT / "docs" / "results_log.md").read_text() == pages.log()
    assert (PROJECT / "docs" / "zoo.md").read_text() == pages.zoo()


def test_the_command_writes_all_of_them(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "write", lambda *found: drawn.append(found[-2:]))
    monkeypatch.setattr(report, "PROJECT", tmp_path)
    (tmp_path / "docs").mkdir()
    path = tmp_path / "README.md"
    path.write_text(f"before\n{readme.START}old\n{readme.END}after\n")
    report.main()
    found = results.read_rows("tables"), results.read_rows("paper")
    assert readme.table(*found) in path.read_text()
    assert (tmp_path / "docs" / "results.md").read_text() == pages.results()
    assert (tmp_path / "docs" / "results_log.md").read_text() == pages.log()
    assert (tmp_path / "docs" / "zoo.md").read_text() == pages.zoo()
    assert drawn == [(readme.table(*found), tmp_path / "docs" / "images")]


def test_the_modules_of_the_report_import_in_one_direction():
    imported = {}
    for path in (PROJECT / "recipes" / "reporting").glob("*.py"):
        names = imported.setdefault(path.stem, set())
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                if node.module == "recipes.reporting":
                    names |= {alias.name for alias in node.names}
                elif node.module.startswith("recipes.reporting."):
                    names.add(node.module.rpartition(".")[2])
    assert imported["pages"]
    # Raises CycleError.
    assert set(TopologicalSorter(imported).static_order()) == set(imported)
    assert "pages" not in imported["figures"]


def test_lines_of_readme_and_results_are_short():
    """A line of a table is at most two lines high on a page."""
    for path in (PROJECT / "README.md", PROJECT / "docs" / "results.md"):
        for line in path.read_text().splitlines():
            assert len(line) <= 200, f"{path.name}: {line}"
