"""What the files beside the code say about it is true."""

import re
import tomllib
from pathlib import Path

import pytest

import keras_drmm
from keras_drmm import learning, models

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
CHANGES = (ROOT / "CHANGELOG.md").read_text()


def test_one_version():
    newest = re.search(r"^## (\d+\.\d+\.\d+)", CHANGES, re.M)[1]
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.M)[1]
    assert newest == cited == keras_drmm.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    read_from = project["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    assert read_from == "keras_drmm.__version__"


def test_what_is_deprecated_goes_away_in_the_version_after_this():
    source = (ROOT / "keras_drmm" / "layers" / "deprecation.py").read_text()
    gone = re.search(r"goes away in keras_drmm (\d+)\.(\d+)", source).groups()
    major, minor, _ = keras_drmm.__version__.split(".")
    assert tuple(map(int, gone)) == (int(major), int(minor) + 1)
    table = CHANGES[CHANGES.index("### Deprecated") :]
    assert f"gone in {'.'.join(gone)}" in table.splitlines()[0]
    call = re.compile(r"@(?:\w+\.)?(?:renamed|removed)_\w+\(([^)]*)\)")
    old = {
        name
        for path in (ROOT / "keras_drmm").rglob("*.py")
        if path.name != "deprecation.py"
        for arguments in call.findall(path.read_text())
        for name in re.findall(r"(\w+)=", arguments)
    }
    for module in (models, learning):
        # Names that a module finds where they moved to.
        (homes,) = (
            cell.cell_contents
            for cell in module.__getattr__.__closure__
            if isinstance(cell.cell_contents, dict)
        )
        old |= homes.keys()
    assert {"solver_steps", "nuisance", "loadings"} <= old
    missing = [name for name in old if not re.search(rf"\b{name}\b", table)]
    assert not missing, missing
