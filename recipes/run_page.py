"""Run the Python of a page of the site as it stands, and say how long it took.

    python -m recipes.run_page docs/guides/few_labels.md

Its files go to a temporary folder. Prints the seconds of each block and of all; the
import of Keras counts.
"""

import os
import re
import tempfile
import time
from pathlib import Path

from recipes.common.command import choose_backend, keep_memory, make_parser

# The kind and the text of a block of code in Markdown.
BLOCK = re.compile(r"```(python|sh)\n(.*?)```", re.S)


def main():
    """Run the page's blocks in their order."""
    options = parse()
    choose_backend(options.backend)
    text = options.page.read_text("utf-8")
    blocks = [block for kind, block in BLOCK.findall(text) if kind == "python"]
    names = {}
    here = Path.cwd()
    start = last = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for number, block in enumerate(blocks, 1):
                exec(compile(block, str(options.page), "exec"), names)
                now = time.monotonic()
                print(f"block {number}: {now - last:.1f} s", flush=True)
                last = now
        finally:
            os.chdir(here)
    print(f"{options.page}: {last - start:.0f} s")


def parse(arguments=None):
    """Read the command line."""
    parser = make_parser(__doc__, "backend")
    parser.add_argument("page", type=Path, help="a file in Markdown")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    keep_memory()
    main()
