"""What the page of `report` says, read from its file."""

import io
import re
from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """What a page says: texts by id, tables by id, attributes of tags, plain text."""

    def __init__(self, path):
        super().__init__()
        self.texts, self.tables, self.tags = {}, {}, []
        self.text, self._open, self._ids = "", [], []
        self.feed(Path(path).read_text(encoding="utf-8"))
        self.close()
        # Every tag that was opened was closed.
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("meta", "img", "source", "br"):
            return
        self._open.append((tag, dict(attributes).get("id")))
        if tag == "table":
            self.tables[dict(attributes)["id"]] = self._table = []
        elif tag == "tr":
            self._table.append([])
        elif tag in ("td", "th"):
            self._table[-1].append("")

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, text):
        tag, name = self._open[-1] if self._open else (None, None)
        if tag in ("td", "th"):
            self._table[-1][-1] += text
        if name is not None:
            self.texts[name] = self.texts.get(name, "") + text
        if tag != "style":
            self.text += text

    def all(self, tag):
        return [found for name, found in self.tags if name == tag]


def percent(value):
    return f"{100 * value:.1f} %"


def tiles(page, name):
    """(row, words, picture) of each image of a list."""
    inside, found = False, []
    for tag, attributes in page.tags:
        if tag == "ul":
            inside = attributes["id"] == name
        elif tag == "section":
            inside = False
        if tag == "img" and inside:
            row, words = re.fullmatch(
                r"Image row (\d+): (.*)", attributes["alt"]
            ).groups()
            found.append((int(row), words, decode(attributes["src"])))
    return found


def decode(source):
    from base64 import b64decode

    from matplotlib.image import imread

    head, content = source.split(",")
    assert head == "data:image/png;base64"
    return imread(io.BytesIO(b64decode(content)))
