"""How the docstrings become API pages.

An extension of Griffe (`extensions:` in mkdocs.yml), which reads them.
"""

import re

import griffe

# From a first `>>>` to the next blank line: where doctest ends an example, too.
EXAMPLE = re.compile(r"^( *)>>> .*(?:\n(?! *$).+)*", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Fences examples, and finds functions behind modules of the same name."""

    def on_object(self, *, obj, **kwargs):
        """Show examples as code: Markdown takes `>>>` for quotations."""
        if obj.docstring:
            obj.docstring.value = fence_examples(obj.docstring.value)

    def on_package(self, *, pkg, **kwargs):
        """Let the name of a function and of its module mean the function.

        So it is when Python has imported the package; Griffe, which only reads it,
        takes the module.
        """
        for package in (pkg, *pkg.modules.values()):
            for name in map(str, package.exports or ()):
                module = package.members.get(name)
                found = getattr(module, "members", {}).get(name)
                if found is not None and (found.is_function or found.is_class):
                    package.members[name] = griffe.Alias(name, found, parent=package)


def fence_examples(text):
    """Return a docstring with its examples between fences."""
    return EXAMPLE.sub(r"\1```pycon\n\g<0>\n\1```", text)
