"""What the site says is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_named_tests_exist():
    """Each `file::function` of the table of properties."""
    text = (ROOT / "docs" / "guides" / "properties.md").read_text()
    named = set(re.findall(r"`(\w+/\w+\.py)::(\w+)`", text))
    assert len(named) > 10
    for file, function in named:
        tree = ast.parse((ROOT / "tests" / file).read_text())
        names = {v.name for v in tree.body if isinstance(v, ast.FunctionDef)}
        assert function in names, f"{file}::{function}"


@pytest.mark.smoke
def test_no_cell_is_empty():
    text = (ROOT / "docs" / "guides" / "properties.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({row.count("|") for row in rows}) == 1
    for row in rows:
        assert all(cell.strip() for cell in row.strip("|").split("|")), row


@pytest.mark.smoke
def test_pages_of_the_site_exist():
    pages = set(re.findall(r": (\S+\.md)", (ROOT / "mkdocs.yml").read_text()))
    on_disk = {str(p.relative_to(ROOT / "docs")) for p in ROOT.glob("docs/**/*.md")}
    assert pages == on_disk
