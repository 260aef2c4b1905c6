"""Write docs/bad_input.md: what the library says to bad input.

    python -m scripts.docs.bad_input

Makes the calls of `tests/bad_input.csv`, in a folder of its own, and lists the errors
whose lines are short enough to read. Takes half a minute. `tests/test_bad_input.py`
makes them as well, and compares the page with what they say.
"""

import builtins
import contextlib
import os
import re
import tempfile
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bad_input.md"
# Of a line of the page's table.
LONGEST = 200
# What a process numbers, and where objects of its own are.
NUMBER = re.compile(r"(?<=[a-z])_\d+(?=[`,/])")
PLACE = re.compile(r" at 0x[0-9a-f]+")
# What is not named as an argument is.
THINGS = ("Images", "Labels", "Pixels")
TEXT = """\
# What bad input is told

An error says which argument is wrong, what was found and what to do. The suite makes
{calls} calls with bad input; these are the {lines} errors that fit on a line. Each is
raised by a check of the library itself, and none by a backend. `python -m
scripts.docs.bad_input` writes this page.

| argument | what was found | the error |
| --- | --- | --- |
{table}
"""


def page(cases, messages):
    """Return the page.

    Args:
        cases: dictionaries, the lines of `tests/bad_input.csv`.
        messages: the error of each.
    """
    found = {
        _line(case, message)
        for case, message in zip(cases, messages, strict=True)
        if f"`{case['argument']}`" in message or case["argument"] in THINGS
    }
    lines = sorted(v for v in found if len(v) <= LONGEST)
    return TEXT.format(calls=len(cases), lines=len(lines), table="\n".join(lines))


def _line(case, message):
    """Return a line of the table."""
    value = case["value"].removeprefix("got ")
    plain = PLACE.sub("", NUMBER.sub("", " ".join(message.split())))
    return f"| `{case['argument']}` | {_cell(value)} | {_cell(plain)} |"


def _cell(text):
    """Return a text as Markdown shows it, but for what stands between backticks."""
    parts = text.replace("|", "\\|").split("`")
    parts[::2] = [re.sub(r"([\\*_<>\[\]])(?!\|)", r"\\\1", v) for v in parts[::2]]
    return "`".join(parts)


def main():
    """Make the calls and write the page."""
    from tests.test_bad_input import CASES, NAMES

    messages = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for case in CASES:
            try:
                eval(case["call"], NAMES)
            except getattr(builtins, case["error"]) as error:
                messages.append(str(error))
    PAGE.write_text(page(CASES, messages), encoding="utf-8")
    print(f"{os.path.relpath(PAGE)}: {len(messages)} calls")


if __name__ == "__main__":
    main()
