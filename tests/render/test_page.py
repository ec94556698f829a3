"""One document, three writers: what a board says is the same as Markdown, as HTML and in the terminal."""

import io
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import fabricate
import pytest
from rich.console import Console

from collapsebench.board import columns
from collapsebench.render import html, markdown, page, terminal
from collapsebench.render.document import Span, To, joined, marked, papers
from collapsebench.render.files import load_view

COMMITTED = Path(__file__).parents[2] / "leaderboards"


@pytest.fixture(scope="module")
def fabricated(tmp_path_factory):
    view = load_view(fabricate.board(tmp_path_factory.mktemp("quick"), fabricate.everything()))
    return replace(view, verified=frozenset(["accumulate", "frozen"]))


@pytest.fixture(params=["fabricated", "quick", "classic"])
def view(request, fabricated):
    """A board with an entry of every kind, and two as they are published."""
    return fabricated if request.param == "fabricated" else load_view(COMMITTED / request.param)


class Rows(HTMLParser):
    """The rows of all tables of a page, as the texts of their cells; drawings hold no words."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.rows, self.inside = [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def bare(text):
    """Letters and figures of Markdown, without its markup."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)|</?su[bp]>|[*\[\]`\\]", "", text)
    return "".join(text.split()).replace("<br>", "")


def markdown_rows(text):
    found = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]
    return [[bare(cell) for cell in row] for row in found if not set("".join(row)) <= set(":-")]


def test_every_row_of_the_markdown_page_is_a_row_of_the_html_page(view):
    document = page.readme(view)
    rows = markdown_rows(markdown.write(document))
    assert len(rows) > 20
    on_html = {"|".join(bare(cell) for cell in row if cell.strip()) for row in Rows(html.page([document])).rows}
    drawn = "Randitsintervals,drawn01|"
    on_html = {row.replace(drawn, "") for row in on_html}
    assert ["|".join(filter(None, row)) for row in rows if "|".join(filter(None, row)) not in on_html] == []


def test_every_word_of_the_markdown_page_outside_its_tables_is_on_the_html_page(view):
    document = page.readme(view)
    text = re.sub(r"<!--.*?-->|<a id=[^>]*></a>|</?details>|</?summary>|```(?:sh)?", " ", markdown.write(document))
    words = {word for line in text.splitlines() if line[:1] not in ("|", "!") for word in map(bare, line.split())}
    main = html.page([document]).partition("<main>")[2].partition("</main>")[0]
    shown = bare(unescape(re.sub(r"<[^>]*>", "", main)))
    standing = {"(verified):", "(self-reported):"}
    assert {word for word in words if word not in shown} <= {
        "#",
        "##",
        "###",
        "-",
        "Leaderboard:",
        f"v{view.board.protocol.version}",
        *standing,
    }


def table(document, name):
    """The rows of a table of a document by entry, each by the heading of its columns."""
    blocks = [inner for block in document.blocks for inner in getattr(block, "blocks", [block])]
    found = next(block for block in blocks if getattr(block, "name", "").startswith(name))
    heads = [column.heading for column in found.columns]
    return {row.entry.label: dict(zip(heads, row.cells, strict=True)) for row in found.rows}


def test_the_terminal_says_of_every_entry_what_the_page_says_in_less_detail(view):
    board, summary, whole = view.board, page.summary(view.board), page.readme(view)
    scores, costs = table(whole, "Recovered gap R"), table(whole, "Costs")
    brief = table(summary, board.protocol.name)
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(*terminal.write(summary))
    lines = console.export_text().splitlines()
    assert set(scores) == set(costs) <= set(brief) == {entry.label for entry in board.entries}
    for label, row in brief.items():
        words = [terminal.words(cell.text) for cell in row.values()]
        assert any(all(word in line for word in words) for line in lines), label
    for label, row in scores.items():
        same = {"R": "overall R", **{task.name: task.name for task in board.counting}}
        for short, long in same.items():
            less, more = (re.match(r"−?[\d.]+", terminal.words(c.text)) for c in (brief[label][short], row[long]))
            if less and more:  # neither missing, outside the scope, nor diverged
                digits = len(more.group().partition(".")[2])
                apart = abs(float(less.group().replace("−", "-")) - float(more.group().replace("−", "-")))
                assert apart <= 0.5 * (10**-digits + 0.01) + 1e-9, (label, short)
        assert brief[label]["sec."] == costs[label]["seconds"]
        assert brief[label]["real"] == costs[label]["real rows trained on"]
        if row["rank"].order:
            assert terminal.words(brief[label]["rank"].text) in (
                terminal.words(row["rank"].text),
                "diverged",
                "skipped",
            )


def test_a_new_column_is_one_object_and_stands_everywhere(fabricated, monkeypatch):
    cells = columns.Column("cells", "count", "what it has", value=lambda _, entry: float(1000 + len(entry.cells)))
    monkeypatch.setattr(columns, "SCORES", (*columns.SCORES, cells))
    monkeypatch.setattr(columns, "COSTS", (*columns.COSTS, cells))
    for document in (page.readme(fabricated), page.track_page(fabricated, "blind")):
        assert markdown.write(document).count("|   cells |") == 2
        assert ">cells</th>" in html.page([document])
        assert "1.01k" in markdown.write(document)


def test_what_the_program_writes_has_markup_and_what_a_record_says_has_none():
    text = marked("**R** is *not* `x` of L<sub>0</sub>, 2 * 3")
    assert markdown.inline(text) == r"**R** is *not* `x` of L<sub>0</sub>, 2 \* 3"
    assert terminal.words(text) == "R is not x of L0, 2 * 3"
    assert markdown.inline("**R** is <b>") == r"\*\*R\*\* is \<b\>"


def test_arxiv_numbers_are_links():
    paper = papers("arXiv:2412.14689, arXiv:2404.01413v2")
    assert paper == (
        "",
        Span("arXiv:2412.14689", to=To("paper", "2412.14689")),
        ", ",
        Span("arXiv:2404.01413", to=To("paper", "2404.01413")),
        "v2",
    )
    assert papers("") == ()


def test_texts_are_joined_without_those_that_are_empty():
    assert joined(" · ", ["a", "", (), "b"]) == ("a", " · ", "b")
