"""Hooks of MkDocs (`hooks:` in mkdocs.yml): MathJax, and two details of the text.

MathJax is shipped with the site, so that its pages ask no other host for anything. Its
files come from the PyPI package django-static-mathjax, which holds MathJax 3.2.2, built
from its source; it is pinned in requirements/constraints.txt and needs no Django.
MathJax is under the Apache licence 2.0, whose text is shipped beside it.
"""

import re
from pathlib import Path

import mathjax
from mkdocs.structure.files import File

PACKAGE = Path(mathjax.__file__).parent / "static" / "mathjax"
# TeX in, HTML out, and the fonts of that. What these would load on demand, rare macros
# of TeX and a menu, no page uses: `make docs-test` sees a request that fails.
SHIPPED = ["LICENSE", "es5/tex-chtml.js", "es5/output/chtml/fonts/woff-v2/*.woff"]


def on_files(files, config):
    """Add MathJax to the files of the site, under mathjax/."""
    for pattern in SHIPPED:
        found = sorted(PACKAGE.glob(pattern))
        if not found:
            raise FileNotFoundError(f"There is no {pattern} in {PACKAGE}.")
        for path in found:
            place = f"mathjax/{path.relative_to(PACKAGE).as_posix()}"
            files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, **kwargs):
    """Keep a mean and its deviation on one line."""
    return re.sub(r"(?<=\d) ± (?=\d)", "\u00a0±\u00a0", markdown)


def on_page_content(html, **kwargs):
    """Leave out the dash before what a function returns, which has no name."""
    return re.sub(r'(<li class="doc-section-item field-body">\s*)–\s', r"\1", html)
