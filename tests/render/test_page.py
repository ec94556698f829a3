"""One document, three writers: what a board says is the same as Markdown, as HTML and in the terminal."""

import io
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import fabricate
import pytest
from rich.console import Console

from collapsebench.board import columns
from collapsebench.render import answers, html, markdown, page, terminal
from collapsebench.render.document import Span, To, joined, marked, papers
from collapsebench.render.files import load_view
from collapsebench.results.reader import read_results
from collapsebench.results.signature import Draw, sign

COMMITTED = sorted(path.parent for path in (Path(__file__).parents[2] / "leaderboards").glob("*/records"))


@pytest.fixture(scope="module")
def fabricated(tmp_path_factory):
    folder = fabricate.board(tmp_path_factory.mktemp("quick"), fabricate.everything())
    for name in ("accumulate", "frozen"):
        sign(folder, read_results(folder / "records" / f"{name}.jsonl"), Draw(draw="1", drawn="by the system"), [])
    return load_view(folder)


@pytest.fixture(params=[None, *COMMITTED], ids=lambda folder: folder.name if folder else "fabricated")
def view(request, fabricated):
    """A board with an entry of every kind, and those that are published."""
    return load_view(request.param) if request.param else fabricated


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


def pages(view):
    """The Markdown pages as one text."""
    documents = [page.readme(view), *(page.on_group(view, group) for group in view.board.groups)]
    return "\n".join(map(markdown.write, documents))


def test_every_row_of_the_markdown_pages_is_a_row_of_the_html_page(view):
    rows = markdown_rows(pages(view))
    assert len(rows) > 50
    on_html = {"|".join(bare(cell) for cell in row if cell.strip()) for row in Rows(html.page([page.whole(view)])).rows}
    on_html = {re.sub(r"scoreanditsintervals,drawn[^|]*\|", "", row) for row in on_html}
    assert ["|".join(filter(None, row)) for row in rows if "|".join(filter(None, row)) not in on_html] == []


def test_every_word_of_the_markdown_pages_outside_their_tables_is_on_the_html_page(view):
    text = re.sub(r"<!--.*?-->|<a id=[^>]*></a>|</?details>|</?summary>|```(?:sh)?", " ", pages(view))
    words = {word for line in text.splitlines() if line[:1] not in ("|", "!") for word in map(bare, line.split())}
    main = html.page([page.whole(view)]).partition("<main>")[2].partition("</main>")[0]
    shown = bare(unescape(re.sub(r"<[^>]*>", "", main)))
    beside = {"#", "##", "###", "-", "Leaderboard:", "Questions", "All", "questions", f"v{view.board.protocol.version}"}
    names = {f"{word}{end}" for name, _ in answers.ASKS.values() for word in name.split() for end in ":,"}
    assert {word for word in words if word not in shown} <= beside | names | {view.board.protocol.name}


def table(document, name):
    """The rows of a table of a document by entry, each by the heading of its columns."""

    def found(blocks):
        for block in blocks:
            if getattr(block, "name", "").startswith(name) and hasattr(block, "columns"):
                yield block
            yield from found(getattr(block, "blocks", ()))

    first = next(found(document.blocks))
    heads = [column.heading for column in first.columns]
    return {row.entry.label: dict(zip(heads, row.cells, strict=True)) for row in first.rows}


def test_the_terminal_says_of_every_entry_what_the_page_says_in_less_detail(view):
    board, summary = view.board, page.summary(view.board)
    first, brief = table(page.readme(view), "Worth of"), table(summary, board.protocol.name)
    console = Console(width=400, record=True, file=io.StringIO())
    for block in terminal.write(summary, console):
        console.print(block)
    lines = console.export_text().splitlines()
    assert set(first) <= set(brief) == {entry.label for entry in board.entries}
    for label, row in brief.items():
        words = [terminal.words(cell.text) for cell in row.values()]
        assert any(all(word in line for word in words) for line in lines), label
    for label, row in first.items():
        for group in board.groups:
            heading = f"{group.question}, {group.suite}"
            assert terminal.words(row[heading].text) == terminal.words(brief[label][heading].text)


def test_the_first_page_says_of_every_score_what_the_page_of_its_question_says(view):
    first = table(page.readme(view), "Worth of")
    for group in view.board.groups:
        rows = table(page.on_group(view, group), f"Worth in {group.question}, {group.suite}")
        for label in rows.keys() & first.keys():
            words = terminal.words(first[label][f"{group.question}, {group.suite}"].text)
            assert words == terminal.words(rows[label]["score"].text), label


def test_a_new_column_is_one_object_and_stands_everywhere(fabricated, monkeypatch):
    cells = columns.Column("cells", "count", "what it has", value=lambda _, entry: float(1000 + len(entry.cells)))
    usual = columns.first_columns
    monkeypatch.setattr(columns, "first_columns", lambda board: (*usual(board), cells))
    document = page.readme(fabricated)
    assert markdown.write(document).count("|   cells |") == 1
    assert ">cells</th>" in html.page([page.whole(fabricated)])
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
