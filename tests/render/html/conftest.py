"""Two fabricated boards, their page, and one browser for all tests that need a real one."""

import os
import shutil

import fabricate
import pytest
import torch

from collapsebench.core.records import CellResult
from collapsebench.render.files import load_view
from collapsebench.render.html import page as render
from collapsebench.render.page import whole
from collapsebench.render.samples import Sheet, write_sheets

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Boards: `quick` with an entry of every kind and sheets of some, `standard` with the references and a method."""
    quick = fabricate.everything()
    few = fabricate.references() + fabricate.cells("accumulate")
    standard = [
        CellResult(r.cell.changed(protocol=r.cell.protocol.changed(name="standard")), r.generations) for r in few
    ]
    folder = tmp_path_factory.mktemp("boards")
    for name, results in (("quick", quick), ("standard", standard)):
        fabricate.board(folder / name, results)
    grey = torch.arange(0, 252, 7, dtype=torch.uint8).reshape(4, 9)
    for name in ("replace", "accumulate", "real_mix"):
        cell = fabricate.cell(name, "arithmetic/preserve", 0).cell.cell
        write_sheets(folder / "quick", [Sheet("arithmetic/preserve", name, cell, grey)])
    return folder


@pytest.fixture(scope="session")
def views(folder):
    """The boards of the folder with what lies beside their records."""
    return [load_view(folder / name) for name in ("quick", "standard")]


@pytest.fixture(scope="session")
def boards(views):
    """The boards of the folder."""
    return [view.board for view in views]


@pytest.fixture(scope="session")
def text(views):
    """The page of both boards."""
    return render([whole(view) for view in views])


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium; without one the tests are skipped, or fail where COLLAPSEBENCH_BROWSER is `required`."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        lacking = f"no browser: none of {', '.join(BROWSERS)} is installed (`make browser`)"
        (pytest.fail if os.environ.get("COLLAPSEBENCH_BROWSER") == "required" else pytest.skip)(lacking)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def open_tab(browser):
    """A new page, and two lists that fill with what it complains about and what it asks for."""

    def make(**options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(60_000)  # a busy machine is no failure
        page, complaints, requests = context.new_page(), [], []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        return page, complaints, requests

    return make


@pytest.fixture(scope="session")
def usual_tab(open_tab):
    """The tab of all tests that want nothing special of it; opening one takes longer than a test."""
    return open_tab()


@pytest.fixture
def visit(open_tab, usual_tab, text, tmp_path):
    """`visit("#quick", color_scheme="dark", ...)`: the page, which must neither complain nor ask the network.

    Keywords are those of a browser context; `document` shows another page.
    """
    tabs = []

    def go(place="", document=text, **options):
        path = tmp_path / "index.html"
        path.write_text(document, encoding="utf-8")
        tabs.append(open_tab(**options) if options else usual_tab)
        page = tabs[-1][0]
        page.goto(f"{path.as_uri()}?{len(tabs)}{place}")  # another address, so that it is loaded anew
        return page

    yield go
    for page, complaints, requests in tabs:
        assert complaints == []
        assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
        if page is not usual_tab[0]:
            page.context.close()
