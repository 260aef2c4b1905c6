"""What README and the pages of the site name is there."""

import ast
import re
from pathlib import Path

import pytest

from keras_drmm.zoo.zoo_model import FUNCTIONS

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.once
def test_named_tests_exist():
    """Each `file::function` of the table of properties."""
    text = (ROOT / "docs" / "guides" / "properties.md").read_text()
    named = set(re.findall(r"`(\w+/\w+\.py)::(\w+)`", text))
    assert len(named) > 10
    for file, function in named:
        tree = ast.parse((ROOT / "tests" / file).read_text())
        names = {v.name for v in tree.body if isinstance(v, ast.FunctionDef)}
        assert function in names, f"{file}::{function}"


@pytest.mark.once
@pytest.mark.smoke
def test_no_cell_is_empty():
    text = (ROOT / "docs" / "guides" / "properties.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({row.count("|") for row in rows}) == 1
    for row in rows:
        assert all(cell.strip() for cell in row.strip("|").split("|")), row


@pytest.mark.once
@pytest.mark.smoke
def test_pages_of_the_site_exist():
    pages = set(re.findall(r": (\S+\.md)", (ROOT / "mkdocs.yml").read_text()))
    on_disk = {str(p.relative_to(ROOT / "docs")) for p in ROOT.glob("docs/**/*.md")}
    assert pages == on_disk


@pytest.mark.once
@pytest.mark.smoke
def test_files_that_readme_and_the_model_s_page_name_exist():
    text = (ROOT / "README.md").read_text()
    links = set(re.findall(r"\]\(((?!http)[^)#]+)", text))
    links |= set(re.findall(r'src="([^"]+)"', text))
    model = (ROOT / "docs" / "model.md").read_text()
    names = set(re.findall(r"`(keras_drmm/[\w./]+)`", model))
    assert len(links) > 8
    assert len(names) > 6
    for name in links | names:
        assert (ROOT / name).exists(), name


@pytest.mark.once
@pytest.mark.smoke
def test_names_on_the_page_of_the_zoo_are_its_models():
    text = (ROOT / "docs" / "zoo.md").read_text()
    table = text.split("| `keras_drmm.zoo` |")[1].split("\n\n")[0]
    lines = table.splitlines()[2:]
    named = {name for line in lines for name in re.findall(r"`(\w+)`", line)}
    assert named == set(FUNCTIONS)
