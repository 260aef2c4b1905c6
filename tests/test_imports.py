"""Imports of the library and the recipes go one way, and there is no circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[1]
# What a package may import beside itself. `data`, `analysis`, `callbacks` and
# `evaluation` stand free, but for checks of arguments: anyone may use them.
ALLOWED = {
    "kernels": set(),
    "layers": {"kernels"},
    "models": {"kernels", "layers", "data"},
    "em": {"kernels", "layers", "models"},
    "convert": {"layers", "models"},
    "trees": {"layers", "models", "em"},
    "learning": {"layers", "models", "em"},
    "zoo": {"layers", "models", "em", "trees", "learning"},
    "baselines": {"layers", "models", "learning"},
    "tuning": {"callbacks", "data", "layers", "models", "em", "learning", "zoo"},
    "wrappers": {"data", "evaluation", "layers", "models", "zoo"},
    "data": {"layers"},
    "callbacks": {"analysis", "data", "layers"},
    "analysis": {"layers"},
    "evaluation": {"data", "layers"},
    # A program: nothing else imports it.
    "command_line": {
        *("analysis", "callbacks", "convert", "data", "evaluation", "layers", "zoo")
    },
    "__main__": {"command_line"},
}
# Methods that users expect on a model: what they need is imported when they are called.
THIN_METHODS = {
    ("keras_drmm.models.drmm", "from_convnet", "convert"),
    ("keras_drmm.models.drmm", "to_convnet", "convert"),
    ("keras_drmm.models.rmm", "to_level", "convert"),
    ("keras_drmm.models.rmm", "to_maxout", "convert"),
    ("keras_drmm.models.styled", "fit_prior", "learning"),
    ("keras_drmm.models.rendering_model", "from_preset", "zoo"),
    ("keras_drmm.models.rendering_model", "save_to_preset", "zoo"),
}
# What `import keras` brings of scikit-learn. Other parts of it take long to import.
QUICK = ("sklearn.base", "sklearn.exceptions", "sklearn.utils")


def modules(package):
    """{dotted name: syntax tree} of a package's files."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(
            path.read_text()
        )
        for path in (ROOT / package).rglob("*.py")
    }


def imported(tree, names):
    """Modules of `names` that a tree's import statements name, the deepest of each."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield node, full if full in names else node.module
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name


def functions_of(tree):
    """{line: name} of the functions' import statements."""
    found = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    found[node.lineno] = function.name
    return found


def test_packages_import_one_way():
    found, thin, seen = modules("keras_drmm"), set(), set()
    for name, tree in found.items():
        package = name.split(".")[1]
        if package == "__init__":
            continue
        seen.add(package)
        inside = functions_of(tree)
        for node, module in imported(tree, found):
            parts = module.split(".")
            if parts[0] != "keras_drmm" or len(parts) < 2 or parts[1] == package:
                continue
            if node.lineno in inside and parts[1] not in ALLOWED[package]:
                thin.add((name, inside[node.lineno], parts[1]))
                continue
            assert parts[1] in ALLOWED[package], f"{name} imports {module}"
    assert seen == set(ALLOWED)
    assert thin == THIN_METHODS


def test_the_library_does_not_import_its_program():
    found = modules("keras_drmm")
    for _, module in imported(found["keras_drmm.__init__"], found):
        assert not module.startswith("keras_drmm.command_line")


def test_the_library_does_not_import_recipes():
    for name, tree in modules("keras_drmm").items():
        for _, module in imported(tree, ()):
            assert module.split(".")[0] != "recipes", name


def test_what_takes_long_to_import_is_imported_where_it_is_needed():
    slow = set()
    for name, tree in modules("keras_drmm").items():
        inside = functions_of(tree)
        for node, module in imported(tree, ()):
            if module.startswith("sklearn") and not module.startswith(QUICK):
                slow.add(name)
                assert node.lineno in inside, f"{name} imports {module} at its top"
    assert "keras_drmm.layers.class_styles" in slow


@pytest.mark.parametrize("package", ["keras_drmm", "recipes"])
def test_modules_import_in_no_circle(package):
    found = modules(package)
    inits = {name.removesuffix(".__init__"): name for name in found}
    graph = {}
    for name, tree in found.items():
        inside = functions_of(tree)
        graph[name] = {
            inits[module]
            for node, module in imported(tree, found | inits)
            if module in inits and node.lineno not in inside and inits[module] != name
        }
    # Raises a CycleError that names the circle.
    order = list(TopologicalSorter(graph).static_order())
    assert set(order) == set(found)


def test_each_file_has_one_public_class_at_most():
    for name, tree in modules("keras_drmm").items():
        if ".kernels." in name:
            continue
        public = [
            node.name
            for node in tree.body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        ]
        exported = [v for v in public if v in EXPORTED]
        assert len(exported) <= 1, f"{name} defines {exported}"


EXPORTED = {
    node.value
    for name, tree in modules("keras_drmm").items()
    if name.endswith("__init__")
    for statement in tree.body
    if isinstance(statement, ast.Assign) and statement.targets[0].id == "__all__"
    for node in statement.value.elts
}
