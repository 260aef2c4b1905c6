#!/usr/bin/env bash
# Guess: Griffe, which reads a package for mkdocstrings, finds under a name of a package
# what `from package import name` gives. Where a module and the function that the package
# imports from it have one name, as `report` below, that is the function.
# Versions: griffelib 2.4.1 (Griffe), Python 3.11 to 3.13.
# Behaviour: Python sets the module as an attribute of the package first and the import
# then replaces it, so a user gets the function. Griffe lets the module stand, so that a
# page which lists the package's members has no such function, without a warning. Under
# another name the function is there.
# Output seen:
#   report: function to Python, module to Griffe
#   other: function to Python, function to Griffe
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check griffelib==2.4.1
cd "$folder"
mkdir package
cat > package/__init__.py <<'PYTHON'
from package.another import other
from package.report import report

__all__ = ["other", "report"]
PYTHON
for name in report other; do
    file=$([ "$name" = other ] && echo another || echo "$name")
    printf 'def %s():\n    """Say what was found."""\n' "$name" > "package/$file.py"
done
cat > run.py <<'PYTHON'
import griffe
import package

read = griffe.load("package", resolve_aliases=True)
for name in ("report", "other"):
    python = type(getattr(package, name)).__name__
    print(f"{name}: {python} to Python, {read[name].kind.value} to Griffe")
PYTHON
"$folder/venv/bin/python" run.py | tee seen.txt
diff seen.txt - <<'SEEN'
report: function to Python, module to Griffe
other: function to Python, function to Griffe
SEEN
