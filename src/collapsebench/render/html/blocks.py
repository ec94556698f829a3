"""The blocks of a document as HTML that stands on its own; a script sorts, hides and draws."""

from __future__ import annotations

import base64
import html
import math
import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...board.columns import TEXT, Head
from ...board.scores import Score
from .. import document as doc
from ..cost_plot import CostPlot
from ..numbers import end

_TAGS: Mapping[doc.Style, str] = {
    "strong": "b",
    "best": "b",
    "emphasis": "em",
    "code": "code",
    "sub": "sub",
    "aside": "small",
}

MANY = 100
"""With more entries than this a browser puts off what is out of sight."""

_SCALE, _TICKS = (-3.5, 3.5), (-2.0, 0.0, 2.0)
"""What part of log2 V the small plot beside a score shows, and what it marks."""


class Writer:
    """Writes the blocks of one document; the addresses of all its parts begin with the name of its board."""

    def __init__(self, document: doc.Document) -> None:
        self.document, self.board = document, document.board
        self.places = {entry.label: place for place, entry in enumerate(document.board.entries)}

    def place(self, *parts: str) -> str:
        """The id of a part of the board: letters, digits and hyphens."""
        names = (self.board.protocol.name, *parts)
        return "-".join(re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") for name in names)

    def section(self) -> str:
        """The document as a section, with links to its parts and, below the first, room for the script's controls."""
        blocks = self.document.blocks
        start = next(place for place, block in enumerate(blocks) if isinstance(block, doc.Section))
        parts = [block for block in blocks if isinstance(block, doc.Section)]
        links = "".join(f'<li><a href="#{self.place(part.name.lower())}">{plain(part.name)}</a></li>' for part in parts)
        identity, rules = self.place(), self.board.protocol
        kind = "board many" if len(self.board.entries) > MANY else "board"
        return (
            f'<section class="{kind}" id="{identity}" aria-labelledby="{identity}-title">\n'
            f'<h2 id="{identity}-title">{plain(rules.name)} <small>version {rules.version}</small></h2>\n'
            f"{self.blocks(blocks[:start])}\n"
            f'<nav class="parts" aria-label="Parts of this board"><ul>{links}</ul></nav>\n'
            f"{self.blocks(blocks[start : start + 1])}\n"
            f'<div class="controls"></div>\n{self.blocks(blocks[start + 1 :])}\n</section>'
        )

    def blocks(self, blocks: Sequence[doc.Block], *inside: str) -> str:
        """Blocks, one after the other; `inside` are the names of the sections that they stand in."""
        return "\n".join(filter(None, (self._block(block, inside) for block in blocks)))

    def _block(self, block: doc.Block, inside: tuple[str, ...]) -> str:
        match block:
            case doc.Section():
                return self._section(block, inside)
            case doc.Fold():
                inner, shape = self.blocks(block.blocks), ' class="how" open' if block.open else ""
                return f"<details{shape}><summary>{plain(block.name)}</summary>\n{inner}\n</details>"
            case doc.Prose():
                return _element("p", self.text(block.text), "note" if block.aside else "lead")
            case doc.Items():
                about = [{"id": self.place("entry", e.label), "data-track": e.track} for e in block.entries]
                opened = [f"<li{_attributes(one)}>" for one in about] or ["<li>"] * len(block.items)
                items = [f"{tag}{self.text(item)}</li>" for tag, item in zip(opened, block.items, strict=True)]
                return _element("ul", "\n".join(items), "entries" if about else "notes")
            case doc.Table():
                return self._table(block)
            case doc.Figure():
                place = f'<div class="{"cost-plot" if isinstance(block.shown, CostPlot) else "charts"}"></div>'
                values = [doc.Fold(block.values.name, [block.values])] if block.values else []
                return f"{place}\n{self.blocks(values)}"
            case doc.Commands():
                tag = '<pre class="command" tabindex="0">'
                return "\n".join(f"{tag}<code>{plain(line)}</code></pre>" for line in block.lines)

    def _section(self, section: doc.Section, inside: tuple[str, ...]) -> str:
        """A part of the board, a part of that, or a setting."""
        names, depth = (*inside, section.name), 3 + len(inside)
        identity = self.place("setting", section.name) if section.setting else self.place(*names).lower()
        about = _attributes({"class": "setting", "data-task": _task(section.name)}) if section.setting else ""
        return (
            f'<section{about} id="{identity}" aria-labelledby="{identity}-title">\n'
            f'<h{depth} id="{identity}-title">{plain(section.name)}</h{depth}>\n'
            f"{self.blocks(section.blocks, *names)}\n</section>"
        )

    def text(self, text: doc.Text) -> str:
        """Text with its markup."""
        if isinstance(text, tuple):
            return "".join(map(self.text, text))
        if isinstance(text, str):
            return html.escape(re.sub(r"\s+", " ", text))
        words, to = self.text(text.text), text.to
        if text.style == "picture" and to:
            return _image(Path(to.name), text.text)
        if text.style == "small":
            return f" <small>{words.strip()}</small>"
        if text.about:
            return f'<abbr class="sign" title="{plain(text.about)}">{words}</abbr>'
        if to and to.kind in ("entry", "setting"):
            broken = re.sub("([_(,=/])", r"\1<wbr>", words)
            words = f'<a href="#{self.place(*to)}">{broken}</a>'
        elif to and to.kind == "page":
            words = f'<a href="#{self.place(*self.document.parts[to.name]).lower()}">{words}</a>'
        elif to and to.kind == "paper":
            words = f'<a href="https://arxiv.org/abs/{to.name}" rel="noreferrer">{words}</a>'
        return _element(_TAGS[text.style], words) if text.style in _TAGS else words

    def _table(self, table: doc.Table) -> str:
        """A table in a box of its own that scrolls, and below it the notes on its cells."""
        said = dict.fromkeys(cell.note for row in table.rows for cell in row.cells if cell.note)
        notes = {note: place for place, note in enumerate(said, start=1)}
        paired = [any(_has_error(row.cells[i].text) for row in table.rows) for i in range(len(table.columns))]
        rows = []
        for row in table.rows:
            cells = zip(table.columns, row.cells, paired, strict=True)
            written = "".join(self._cell(*parts, notes, table) for parts in cells)
            rows.append(f"<tr{self._about(row)}>{written}</tr>")
        below = doc.Items([f"{place}: {note}." for note, place in notes.items()])
        folded = self.blocks([doc.Fold("Notes on single scores", [below])]) if notes else ""
        name, head, body = plain(table.name), "".join(map(_header, table.columns)), "\n".join(rows)
        return (
            f'<div class="scroll" role="region" aria-label="{name}" tabindex="0">\n'
            f"<table{_attributes({'class': table.kind})}><caption><span>{name}</span></caption>\n"
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>{folded}"
        )

    def _about(self, row: doc.Row) -> str:
        about = {"data-task": _task(row.setting)}
        if row.entry:
            kind = "reference" if row.entry.reference else ""
            about |= {"class": kind, "data-entry": str(self.places[row.entry.label]), "data-track": row.entry.track}
        return _attributes(about)

    def _cell(self, column: Head, cell: doc.Cell, paired: bool, notes: Mapping[str, int], table: doc.Table) -> str:
        number = column.format not in TEXT
        kinds = {"number": number, "pair": paired, "missing": number and cell.order is None, "drawn": cell.plot}
        about = {
            "class": " ".join(kind for kind, is_one in kinds.items() if is_one),
            "data-task": _task(column.setting),
            "data-value": f"{cell.order:.6g}" if isinstance(cell.order, float) else cell.order or "",
            "data-label": column.heading if table.overview else "",
        }
        words = self.text(cell.text) + (_small_plot(cell.plot) if cell.plot else "")
        if cell.note:
            words += f' <abbr class="sign" title="{plain(cell.note)}">{notes[cell.note]}</abbr>'
        if table.kind == "numbers" and column.format != "name":
            return f"<td>{words}</td>"
        if column.format != "name":
            return f"<td{_attributes(about)}>{words}</td>"
        return f'<th scope="row"{_attributes(about)}><span class="who">{words}</span></th>'


def plain(text: str) -> str:
    """Plain text in HTML, attributes included: nothing in it is markup."""
    return html.escape(" ".join(text.split()))


def _element(tag: str, content: str, kind: str = "") -> str:
    """`<tag class="kind">content</tag>`, or nothing where there is no content."""
    return f"<{tag}{_attributes({'class': kind})}>{content}</{tag}>" if content else ""


def _attributes(values: Mapping[str, str]) -> str:
    """Attributes that are not empty, their values as plain text."""
    return "".join(f' {name}="{html.escape(value)}"' for name, value in values.items() if value)


def _header(column: Head) -> str:
    number, heading = column.format not in TEXT, plain(column.heading)
    about = {
        "class": "number" if number else "",
        "data-task": _task(column.setting),
        "data-first": "descending" if number and not column.falling else "ascending",
        "title": column.about,
    }
    if column.format == "drawn":
        scale = "".join(f'<text x="{_at(log2):.1f}" y="11">{end(log2)}</text>' for log2 in _TICKS)
        drawn = f'<svg class="scale" aria-hidden="true" width="120" height="14">{scale}</svg>'
        heading = f'<span class="sr">{heading}</span>{drawn}'
    return f'<th scope="col"{_attributes(about)}>{heading}</th>'


def _has_error(text: doc.Text) -> bool:
    return isinstance(text, tuple) and any(isinstance(part, doc.Span) and part.style == "small" for part in text)


def _image(path: Path, words: str) -> str:
    """The picture itself, not its address: the page has to stand alone. Its size keeps the table from jumping."""
    content = path.read_bytes()
    width, height = struct.unpack(">II", content[16:24])  # the header chunk, which always comes first
    address = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return f'<img src="{address}" width="{width}" height="{height}" alt="{plain(words)}" loading="lazy">'


def _small_plot(score: Score) -> str:
    """Worth as a dot on a thick interval (these settings) and a thin one (settings like these), cut to the scale."""
    marks = [f'<line class="mark" x1="{_at(x):.1f}" x2="{_at(x):.1f}" y1="0" y2="18"/>' for x in _TICKS]
    for interval, kind in ((score.settings, "thin"), (score.seeds, "thick")):
        if not math.isnan(interval.half_width):
            ends = f'x1="{_at(interval.low):.1f}" x2="{_at(interval.high):.1f}"'
            marks.append(f'<line class="{kind}" {ends} y1="9" y2="9"/>')
    centre = score.seeds.centre
    inside = _SCALE[0] <= centre <= _SCALE[1]
    beyond = f'<path d="{"M7 5 L1 9 L7 13 Z" if centre < 0 else "M113 5 L119 9 L113 13 Z"}"/>'
    dot = f'<circle cx="{_at(centre):.1f}" cy="9" r="2.8"/>' if inside else beyond
    return f'<svg aria-hidden="true" width="120" height="18">{"".join(marks)}{dot}</svg>'


def _task(setting: str) -> str:
    """The task of a setting, by which the page is filtered."""
    return setting.partition("/")[0]


def _at(value: float) -> float:
    low, high = _SCALE
    return 4 + 112 * (min(max(value, low), high) - low) / (high - low)
