"""What README and the site say is there, and their code runs."""

import ast
import re
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_drmm
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
def test_files_that_readme_names_exist():
    text = (ROOT / "README.md").read_text()
    links = set(re.findall(r"\]\(((?!http)[^)#]+)", text))
    names = set(re.findall(r"`(keras_drmm/[\w./]+)`", text))
    assert len(links) > 8
    assert len(names) > 6
    for name in links | names:
        assert (ROOT / name).exists(), name


@pytest.mark.once
@pytest.mark.smoke
def test_names_of_the_zoo_in_readme_are_its_models():
    text = (ROOT / "README.md").read_text()
    table = text.split("| `keras_drmm.zoo` |")[1].split("\n\n")[0]
    lines = table.splitlines()[2:]
    named = {name for line in lines for name in re.findall(r"`(\w+)`", line)}
    assert named == set(FUNCTIONS)


@pytest.mark.slow
def test_the_code_of_readme_runs(monkeypatch):
    """As it stands, on the first 200 training images and all test images."""
    (x, y), test = keras_drmm.data.load("mnist")
    few = (x[:200], y[:200]), test
    monkeypatch.setattr(keras_drmm.data, "load", lambda name: few)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert len(blocks) == 2
    names: dict = {}
    exec(blocks[0], names)
    e_step = names["e_step"]
    classes = np.argmax(keras.ops.convert_to_numpy(e_step.logits), axis=-1)
    np.testing.assert_array_equal(classes, names["y_test"][:10])
    assert e_step.reconstruction.shape == (10, 28, 28, 1)
    exec(blocks[1], names)
    steps = 5 * len(names["dataset"])
    assert int(names["model"].optimizer.iterations) == steps > 0
