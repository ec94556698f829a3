"""The blocks of a document as HTML that stands on its own; a script sorts, hides and draws."""

from __future__ import annotations

import base64
import html
import math
import re
import struct
from collections.abc import Mapping, Sequence

from ...board.scores import Overall
from ..cost_plot import CostPlot
from ..document import (
    Block,
    Cell,
    Column,
    Commands,
    Description,
    Descriptions,
    Document,
    Entrant,
    Figure,
    Fold,
    Items,
    Mark,
    Picture,
    Plot,
    Prose,
    Row,
    Section,
    Span,
    Style,
    Table,
    Text,
    To,
)

_TAGS: Mapping[Style, str] = {"strong": "b", "emphasis": "em", "code": "code", "sub": "sub"}

_SCALE = (-0.5, 1.25)
"""What part of R the small plot beside a score shows."""


class Writer:
    """Writes the blocks of one document; the addresses of all its parts begin with the name of its board."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.entrants = {entrant.label: (place, entrant) for place, entrant in enumerate(document.entrants)}

    def section(self) -> str:
        """The document as a section, with links to its parts and room for the script's controls."""
        board, blocks = self.document, list(self.document.blocks)
        parts = [block for block in blocks if isinstance(block, Section)]
        links = "".join(f'<li><a href="#{self.place(part.name.lower())}">{plain(part.name)}</a></li>' for part in parts)
        identity = self.place()
        return (
            f'<section class="board" id="{identity}" aria-labelledby="{identity}-title">\n'
            f'<h2 id="{identity}-title">{plain(board.board)} <small>version {board.version}</small></h2>\n'
            f"{self.blocks([block for block in blocks if block not in parts])}\n"
            f'<nav class="parts" aria-label="Parts of this board"><ul>{links}</ul></nav>\n'
            f'<div class="controls"></div>\n{self.blocks(parts)}\n</section>'
        )

    def place(self, *parts: str) -> str:
        """The id of a part of the board: letters, digits and hyphens."""
        return "-".join(re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-") for part in (self.document.board, *parts))

    def blocks(self, blocks: Sequence[Block], depth: int = 3) -> str:
        """Blocks, one after the other; `depth` is the level of the headings of sections among them."""
        return "\n".join(filter(None, (self._block(block, depth) for block in blocks)))

    def _block(self, block: Block, depth: int) -> str:
        match block:
            case Section():
                return self._section(block, depth)
            case Fold():
                inner = self.blocks(block.blocks)
                shape = ' class="how" open' if block.open else ""
                return f"<details{shape}><summary>{plain(block.name)}</summary>\n{inner}\n</details>" if inner else ""
            case Prose():
                return element("p", self.text(block.text), "note" if block.aside else "lead")
            case Items():
                return element("ul", "\n".join(f"<li>{self.text(item)}</li>" for item in block.items), "notes")
            case Table():
                return self._table(block)
            case Figure():
                place = f'<div class="{"cost-plot" if isinstance(block.shown, CostPlot) else "charts"}"></div>'
                values = self.blocks([Fold(block.values.name, [block.values])]) if block.values else ""
                return f"{place}\n{values}"
            case Commands():
                lines = (f'<pre class="command" tabindex="0"><code>{plain(line)}</code></pre>' for line in block.lines)
                return "\n".join(lines)
            case Descriptions():
                return f'<dl class="entries">\n{"".join(map(self._description, block.items))}</dl>'

    def _section(self, section: Section, depth: int) -> str:
        """A part of the board, or, below that, a task."""
        task = depth > 3
        identity = self.place("task", section.name) if task else self.place(section.name.lower())
        about = attributes({"class": "task", "data-task": section.name}) if task else ""
        return (
            f'<section{about} id="{identity}" aria-labelledby="{identity}-title">\n'
            f'<h{depth} id="{identity}-title">{plain(section.name)}</h{depth}>\n'
            f"{self.blocks(section.blocks, depth + 1)}\n</section>"
        )

    def _description(self, item: Description) -> str:
        track = self.entrants[item.entry][1].track
        kind = element("span", f"{plain(track) or 'reference'}, {plain(item.standing)}", "track")
        about = attributes({"id": self.place("entry", item.entry), "data-track": track})
        return f"<div{about}><dt>{self.text(item.name)} {kind}</dt><dd>{self.text(item.text)}</dd></div>\n"

    def text(self, text: Text, links: bool = True) -> str:
        """Text with its markup."""
        match text:
            case str():
                return html.escape(re.sub(r"\s+", " ", text))
            case tuple():
                return "".join(self.text(part, links) for part in text)
            case Mark():
                return f'<abbr class="sign" title="{plain(text.words)}">{text.sign}</abbr>'
            case Picture():
                return _image(text)
            case Plot():
                return _small_plot(text.overall)
        words = self.text(text.text)
        if text.to and text.to.kind == "entry":
            words = re.sub("([_(,=])", r"\1<wbr>", words)
        if links and text.to and (address := self._address(text.to)):
            words = f"<a{address}>{words}</a>"
        if text.style == "error":
            return f" <small>{words.strip()}</small>"
        return element(_TAGS[text.style], words) if text.style in _TAGS else words

    def _address(self, to: To) -> str:
        """The attributes of a link; "" where it leads to a file beside the Markdown pages."""
        if to.kind in ("entry", "task"):
            return f' href="#{self.place(to.kind, to.name)}"'
        return f' href="https://arxiv.org/abs/{to.name}" rel="noreferrer"' if to.kind == "paper" else ""

    def _table(self, table: Table) -> str:
        """A table in a box of its own that scrolls, and below it what has to be said about its cells."""
        notes = list(dict.fromkeys(cell.note for row in table.rows for cell in row.cells if cell.note))
        paired = [any(_has_error(row.cells[i].text) for row in table.rows) for i in range(len(table.columns))]
        head = "".join(map(self._header, table.columns))
        rows = []
        for row in table.rows:
            cells = zip(table.columns, row.cells, paired, strict=True)
            rows.append(f"<tr{self._about(row)}>{''.join(self._cell(*parts, notes) for parts in cells)}</tr>")
        body = "\n".join(rows)
        noted = [f"{place}: {note}." for place, note in enumerate(notes, start=1)]
        below = self.blocks([Fold("Notes on single scores", [Items(noted)])])
        return (
            f'<div class="scroll" role="region" aria-label="{plain(table.name)}" tabindex="0">\n'
            f"<table{attributes({'class': table.kind})}><caption><span>{plain(table.name)}</span></caption>\n"
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
        ) + (below and f"\n{below}")

    def _about(self, row: Row) -> str:
        place, entrant = self.entrants.get(row.entry, ("", Entrant("", "", 0)))
        of_reference = bool(row.entry) and entrant.reference
        names = {"data-entry": str(place), "data-track": entrant.track, "data-task": row.task}
        return attributes({"class": "reference" if of_reference else "", **names})

    def _header(self, column: Column) -> str:
        rising = column.falling or column.kind != "number"
        about = {
            "class": "number" if column.kind == "number" else "",
            "data-task": column.task,
            "data-first": "ascending" if rising else "descending",
            "title": column.about,
        }
        words = self.text(column.heading, links=False)
        heading = f'<span class="sr">{words}</span>{_SCALE_MARKS}' if column.kind == "drawn" else words
        return f'<th scope="col"{attributes(about)}>{heading}</th>'

    def _cell(self, column: Column, cell: Cell, paired: bool, notes: Sequence[str]) -> str:
        order = f"{cell.order:.6g}" if isinstance(cell.order, float) else cell.order or ""
        missing = column.kind == "number" and cell.order is None
        kind = column.kind if column.kind in ("number", "drawn") else ""
        kinds = " ".join(filter(None, (kind, paired * "pair", missing * "missing")))
        about = attributes({"class": kinds, "data-task": column.task, "data-value": order})
        words = self.text(cell.text)
        if cell.note:
            words += f' <abbr class="sign" title="{plain(cell.note)}">{notes.index(cell.note) + 1}</abbr>'
        if column.kind != "name":
            return f"<td{about}>{words}</td>"
        return f'<th scope="row"{about}><span class="who">{words}</span></th>'


def plain(text: str) -> str:
    """Plain text in HTML, attributes included: nothing in it is markup."""
    return html.escape(" ".join(text.split()))


def element(tag: str, content: str, kind: str = "") -> str:
    """`<tag class="kind">content</tag>`, or nothing where there is no content."""
    return f"<{tag}{attributes({'class': kind})}>{content}</{tag}>" if content else ""


def attributes(values: Mapping[str, str]) -> str:
    """Attributes that are not empty, their values as plain text."""
    return "".join(f' {name}="{html.escape(value)}"' for name, value in values.items() if value)


def _has_error(text: Text) -> bool:
    return isinstance(text, tuple) and any(isinstance(part, Span) and part.style == "error" for part in text)


def _image(picture: Picture) -> str:
    """The picture itself, not its address: the page has to stand alone. Its size keeps the table from jumping."""
    content = picture.path.read_bytes()
    width, height = struct.unpack(">II", content[16:24])  # the header chunk, which always comes first
    address = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return f'<img src="{address}" width="{width}" height="{height}" alt="{plain(picture.words)}" loading="lazy">'


def _small_plot(overall: Overall) -> str:
    """R as a dot on a thick interval (these tasks) and a thin one (tasks like these), cut to the scale."""
    marks = [f'<line class="mark" x1="{_at(r):.1f}" x2="{_at(r):.1f}" y1="0" y2="18"/>' for r in (0.0, 1.0)]
    for interval, kind in ((overall.task_interval, "thin"), (overall.seed_interval, "thick")):
        if not math.isnan(interval.half_width):
            ends = f'x1="{_at(interval.low):.1f}" x2="{_at(interval.high):.1f}"'
            marks.append(f'<line class="{kind}" {ends} y1="9" y2="9"/>')
    centre = overall.seed_interval.centre
    inside = _SCALE[0] <= centre <= _SCALE[1]
    beyond = f'<path d="{"M7 5 L1 9 L7 13 Z" if centre < 0 else "M113 5 L119 9 L113 13 Z"}"/>'
    dot = f'<circle cx="{_at(centre):.1f}" cy="9" r="2.8"/>' if inside else beyond
    return f'<svg aria-hidden="true" width="120" height="18">{"".join(marks)}{dot}</svg>'


def _at(value: float) -> float:
    low, high = _SCALE
    return 4 + 112 * (min(max(value, low), high) - low) / (high - low)


_SCALE_MARKS = (
    '<svg class="scale" aria-hidden="true" width="120" height="14">'
    + "".join(f'<text x="{_at(r):.1f}" y="11">{r:.0f}</text>' for r in (0.0, 1.0))
    + "</svg>"
)
