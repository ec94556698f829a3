"""A board of twice as many entries takes twice as many calls, from its records to its pages: none is compared with all.

Calls are counted, not seconds: the count is the same on every machine.
"""

import sys

import fabricate
import pytest

from collapsebench.render import markdown
from collapsebench.render.document import Document
from collapsebench.render.files import load_view
from collapsebench.render.html import page
from collapsebench.render.page import files, whole
from collapsebench.results.reader import parse_results

SETTINGS = ("gaussian/preserve", "arithmetic/preserve", "gaussian/purify")
SIZES = (8, 16, 32)


@pytest.fixture(scope="module", params=["params", "name"])
def boards(request, tmp_path_factory):
    """Boards of one method with so many values of a parameter, or of so many methods, beside the references."""
    folders = []
    for size in SIZES:
        own = [
            result
            for most in range(size)
            for result in fabricate.cells(
                *("accumulate", SETTINGS),
                **{request.param: {"most": most} if request.param == "params" else f"other_{most}"},
                worth=0.3 + 0.01 * most,
            )
        ]
        folders.append(
            fabricate.board(tmp_path_factory.mktemp(f"entries-{size}"), fabricate.references(SETTINGS) + own)
        )
    return folders


def calls(work, *arguments):
    """How many Python functions `work` calls, and what it returns."""
    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += event == "call"

    parse_results.cache_clear()
    sys.setprofile(counted)
    try:
        result = work(*arguments)
    finally:
        sys.setprofile(None)
    return count, result


def is_linear(counts):
    """Whether the second doubling adds twice what the first one adds; a tenth is for what entries differ in."""
    first, second = counts[1] - counts[0], counts[2] - counts[1]
    return second <= 2.2 * first


def pages(view):
    """Every page of a board, as Markdown."""
    return [markdown.write(shown) for shown in files(view).values() if isinstance(shown, Document)]


def test_reading_a_board_grows_with_its_entries(boards):
    assert is_linear([calls(load_view, folder)[0] for folder in boards])


@pytest.mark.parametrize("write", [pages, lambda view: page([whole(view)])], ids=["markdown", "html"])
def test_writing_the_pages_grows_with_the_entries(boards, write):
    load_view(boards[0])  # what is imported once is counted in none
    write(load_view(boards[0]))
    assert is_linear([calls(write, load_view(folder))[0] for folder in boards])


def test_the_html_page_grows_with_the_entries(boards):
    assert is_linear([len(page([whole(load_view(folder))])) for folder in boards])


def test_every_file_of_many_is_parsed_once(tmp_path):
    own = [cell for i in range(300) for cell in fabricate.cells("accumulate", SETTINGS[:1], [0], name=f"other_{i}")]
    folder = fabricate.board(tmp_path, fabricate.references(SETTINGS[:1]) + own)
    parse_results.cache_clear()
    load_view(folder)
    assert parse_results.cache_info().misses == len(list(folder.glob("records/*.jsonl"))) > 300
