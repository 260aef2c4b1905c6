"""Open every page of the built site in a browser, and say what is wrong.

    python scripts/docs/check_site.py site --screenshots build/screenshots

Needs Chromium or Chrome with its driver (Debian: `apt-get install chromium
chromium-driver`). The site is served from this machine, and each page is opened at
1280 and at 390 pixels:

- formulas are typeset, and none is left as source;
- nothing is logged in the console, and nothing is asked of another host;
- at 390 pixels no page is wider than the window; at 1280 no row of the results is
  taller than `MAX_ROW` pixels;
- links within the site, and their anchors, lead somewhere;
- the search finds each of `SEARCHES`.

Screenshots of each page at both widths, and of two in the dark, go to a folder. The
exit status is 1 if anything is wrong.
"""

import argparse
import contextlib
import functools
import json
import os
import shutil
import sys
import threading
from base64 import b64decode
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

WIDE, NARROW = 1280, 390
MAX_ROW = 80
# A word, and the page that must be among those that are found.
SEARCHES = {
    "SwitchMaxPool": "api/layers/",
    "calibration": "guides/trust/",
    "load_folder": "guides/own_images/",
    "CIFAR-10": "results/",
}
IN_THE_DARK = ("", "results/")
DRIVER_MISSING = (
    "The site is checked in Chromium or Chrome, through its driver. On Debian: "
    "apt-get install chromium chromium-driver"
)
# Text of the page as a reader sees it, without code and typeset formulas.
FIND_SOURCE = r"""
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const source = /\$\$|\\[a-zA-Z]+|\\[()\[\]]|\$[^$\n]*[\\^_{][^$\n]*\$/;
const found = [];
while (walker.nextNode()) {
  const parent = walker.currentNode.parentElement;
  if (parent.closest("pre, code, script, style, mjx-container")) continue;
  if (source.test(walker.currentNode.data)) found.push(walker.currentNode.data.trim());
}
return found;
"""
TALLEST_ROW = """
return Math.max(0, ...Array.from(document.querySelectorAll(".md-content tbody tr"),
  (row) => row.getBoundingClientRect().height));
"""


class Links(HTMLParser):
    """What a page links to, and the anchors that it has.

    Attributes:
        links: values of `href` and `src`.
        anchors: values of `id` and `name`.
    """

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], {""}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note the links and anchors of a tag."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *_):
        """Print nothing."""


def check_links(site):
    """Return the number of links within the site, and those that lead nowhere."""
    pages = {path: Links(path.read_text("utf-8")) for path in site.rglob("*.html")}
    count, failures = 0, []
    for path, page in pages.items():
        # 404.html is served at any address: its links begin with a slash.
        here = "http://site/" + path.relative_to(site).as_posix()
        for link in page.links:
            url = urlsplit(urljoin(here, link))
            if url.netloc != "site" or url.scheme not in ("http", "https"):
                continue
            count += 1
            target = site / unquote(url.path).lstrip("/")
            if target.is_dir():
                target /= "index.html"
            name = path.relative_to(site)
            if not target.exists():
                failures.append(f"{name}: {link} leads nowhere")
            elif target in pages and unquote(url.fragment) not in pages[target].anchors:
                failures.append(f"{name}: {link} has no such anchor")
    return count, failures


@contextlib.contextmanager
def serve(site):
    """Serve a folder; yields its address, which ends with a slash."""
    handler = functools.partial(QuietHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def start_browser():
    """Return a driver of the browser that is installed."""
    browser, driver = (
        next(filter(None, map(shutil.which, names)), None)
        for names in (
            ("chromium", "chromium-browser", "google-chrome"),
            ("chromedriver", "chromium.chromedriver"),
        )
    )
    if not browser or not driver:
        sys.exit(DRIVER_MISSING)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ("headless=new", "hide-scrollbars", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # which refuses to run for root
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


class Checker:
    """Opens pages and collects what is wrong with them.

    Args:
        driver: of the browser.
        address: of the site.
        screenshots: folder, or None.

    Attributes:
        failures: a line each.
        formulas: number of formulas that were typeset.
    """

    def __init__(self, driver, address, screenshots):
        self.driver, self.address, self.screenshots = driver, address, screenshots
        self.failures, self.formulas = [], 0

    def open(self, page, width):
        """Open a page at a width, and wait until its formulas are typeset."""
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.driver.get(self.address + page)
        self.driver.execute_async_script(
            "MathJax.startup.promise.then(arguments[arguments.length - 1])"
        )

    def check(self, page):
        """Check a page at both widths."""
        for width in (WIDE, NARROW):
            self.open(page, width)
            self._check_window(page, width)
            if width == WIDE:
                self._check_formulas(page)
                tallest = self.driver.execute_script(TALLEST_ROW)
                if page == "results/" and tallest > MAX_ROW:
                    self._fail(page, f"a row is {tallest:.0f} pixels tall at {WIDE}")
            self._check_logs(page)
            self.shoot(page, width)

    def check_dark(self, page):
        """Look at a page as somebody does whose system is dark."""
        features = [{"name": "prefers-color-scheme", "value": "dark"}]
        self._command("Emulation.setEmulatedMedia", features=features)
        # The site remembers the scheme of the pages before.
        self.driver.execute_script("localStorage.clear()")
        self.open(page, WIDE)
        body = self.driver.find_element(By.TAG_NAME, "body")
        if body.get_attribute("data-md-color-scheme") != "slate":
            self._fail(page, "is not dark")
        self.shoot(page, WIDE, "_dark")

    def search(self, word, page):
        """Type a word into the search, and look for the page among what is found."""
        self.open("", WIDE)
        self.driver.execute_script(
            "document.querySelector('[data-md-toggle=search]').click()"
        )
        self.driver.find_element(By.CSS_SELECTOR, ".md-search__input").send_keys(word)

        def found(driver):
            results = ".md-search-result__link"
            links = driver.find_elements(By.CSS_SELECTOR, results)
            return [link.get_attribute("href") for link in links]

        links = WebDriverWait(self.driver, 20).until(found, f"nothing for {word!r}")
        if not any(urlsplit(link).path == f"/{page}" for link in links):
            self._fail("search", f"{word!r} does not find {page}")
        self._check_logs("search")

    def shoot(self, page, width, suffix=""):
        """Write a screenshot of the whole page."""
        if self.screenshots is None:
            return
        height = self.driver.execute_script(
            "return document.documentElement.scrollHeight"
        )
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        name = page.strip("/").replace("/", "_") or "index"
        path = self.screenshots / f"{name}_{width}{suffix}.png"
        found = self._command(
            "Page.captureScreenshot", clip=clip, captureBeyondViewport=True
        )
        path.write_bytes(b64decode(found["data"]))

    def _check_window(self, page, width):
        wide = self.driver.execute_script("return document.documentElement.scrollWidth")
        if wide > width:
            self._fail(page, f"{wide} pixels wide in a window of {width}")

    def _check_formulas(self, page):
        count = functools.partial(self.driver.find_elements, By.CSS_SELECTOR)
        marked, typeset = len(count(".arithmatex")), len(count("mjx-container"))
        self.formulas += typeset
        if marked != typeset:
            self._fail(page, f"{typeset} of {marked} formulas are typeset")
        if wrong := count("mjx-merror"):
            self._fail(page, f"{len(wrong)} formulas have errors: {wrong[0].text}")
        for source in self.driver.execute_script(FIND_SOURCE):
            self._fail(page, f"a formula is shown as source: {source[:80]!r}")

    def _check_logs(self, page):
        for entry in self.driver.get_log("browser"):
            self._fail(page, f"console: {entry['message']}")
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith((self.address, "data:", "blob:")):
                    self._fail(page, f"asks another host: {url}")

    def _fail(self, page, what):
        self.failures.append(f"{page or 'index'}: {what}")

    def _command(self, name, **arguments):
        return self.driver.execute_cdp_cmd(name, arguments)


def main(arguments=None):
    """Check the site, print what was looked at, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("site", type=Path, help="folder of the built site")
    parser.add_argument("--screenshots", type=Path, help="folder for screenshots")
    options = parser.parse_args(arguments)
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
    pages = [
        path.parent.relative_to(options.site).as_posix() + "/"
        for path in sorted(options.site.rglob("index.html"))
    ]
    pages = ["" if page == "./" else page for page in pages]
    num_links, failures = check_links(options.site)
    driver = start_browser()
    try:
        with serve(options.site) as address:
            checker = Checker(driver, address, options.screenshots)
            for page in pages:
                checker.check(page)
            for word, page in SEARCHES.items():
                checker.search(word, page)
            for page in IN_THE_DARK:
                checker.check_dark(page)
    finally:
        driver.quit()
    failures += checker.failures
    for failure in failures:
        print(failure)
    print(f"{'pages':<12}{len(pages)}, at {WIDE} and {NARROW} pixels")
    print(f"{'links':<12}{num_links} within the site")
    print(f"{'formulas':<12}{checker.formulas}")
    print(f"{'searches':<12}{len(SEARCHES)}")
    print(f"{'failures':<12}{len(failures)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
