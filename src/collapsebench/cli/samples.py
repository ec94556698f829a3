"""The data of a cell, generation by generation, and how its models continue the same prompts."""

from __future__ import annotations

import shutil
import textwrap
from itertools import islice
from typing import TYPE_CHECKING

import torch
import typer

from ..core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from ..core.corpus import Corpus
    from ..learners.lm.causal_lm import CausalLM
    from ..loop.cell import Cell
    from ..loop.lineage import Lineage
    from ..loop.store import CellFolder, Store
    from ..render.samples import Sheet, Texts

SAMPLES = 4
"""Examples shown per generation."""

PROMPTS = 3
"""Texts of D_0 whose beginning every model continues."""

OPENING = 8
"""Most tokens of a beginning, where texts have no prompt."""

READ = 256
"""Texts per generation that M_0 reads for the histogram."""

BINS = 32
"""Bins of the histogram, from 0 to four times the median of D_0."""


def print_samples(folder: CellFolder, store: Store, count: int) -> None:
    """Print each generation: read stored stages, compute the others again."""
    from ..core.seeds import generator

    lineage = lineage_of(folder, store)
    reader = None
    continued: list[list[str]] = []
    for record in islice(lineage.generations(), count):
        corpus = lineage.corpus.value
        typer.echo(f"t={record.t}: {len(corpus)} rows, {record.real_share:.0%} real")
        for line in lineage.task.render(corpus.sample(min(SAMPLES, len(corpus)), generator(record.t))):
            typer.echo(f"    {line}")
        if record.t == 0 and (reader := TextReader.of(lineage)):
            typer.echo("Models that the run did not keep are trained again; --keep-checkpoints keeps them.", err=True)
        if reader is not None:
            typer.echo(f"    {reader.surprise(record.t)}")
            continued.append(reader.continuations())
    if reader is not None:
        _print_continuations(reader.prompts(), continued)


def lineage_of(folder: CellFolder, store: Store) -> Lineage:
    """The lineage of a cell, before its first stage."""
    from ..loop.cell import CellSpec
    from ..loop.lineage import Lineage
    from ..loop.plan import build_cell

    manifest = folder.manifest()
    assert manifest is not None
    spec = manifest[1]
    return Lineage(build_cell(CellSpec(**{**spec, "plugins": tuple(spec["plugins"])})), store, keep_checkpoints=True)


def write_sheet(folder: CellFolder, store: Store, count: int, path: Path) -> None:
    """Write a sheet of pictures with one row per generation: D_0, then the samples of each model.

    Raises:
        UsageError: the task's examples are no pictures.
    """
    from ..core.errors import UsageError
    from ..core.files import write_atomic
    from ..render.sheet import pictured, png

    lineage = lineage_of(folder, store)
    sheet = _drawn(lineage, count) if pictured(lineage.task) else None
    if sheet is None:
        raise UsageError(f"The examples of '{lineage.task.name}' are not pictures.", "Use --samples to see them.")
    write_atomic(path, png(sheet, lineage.cell.digest))


def draw_sheets(cells: Iterable[Cell], store: Store) -> Iterator[Sheet | Texts]:
    """Sheets for a board, of finished cells; a message names each that a plug-in fails to draw.

    A learning curve has none: it holds real data alone.
    """
    from ..loop.runner import finished
    from ..loop.world import CURVE
    from ..render.samples import SEED, kept

    for cell in (cell for cell in cells if cell.seed == SEED and cell.world_name != CURVE):
        done = finished(cell, store)
        if done is None or done.cell.status != "done" or not kept(done.cell):
            continue
        try:
            sheet = _sheet(cell, store)
        except StoreError:
            raise
        except Exception as error:  # a plug-in may fail in any way; its numbers stand
            typer.echo(f"No sheet of samples of {cell.name}: {type(error).__name__}: {error}", err=True)
            continue
        if sheet is not None:
            yield sheet


def _sheet(cell: Cell, store: Store) -> Sheet | Texts | None:
    """The sheet of a cell; None where its examples are neither pictures nor texts."""
    from ..core.task import Task
    from ..loop.lineage import Lineage
    from ..render.samples import Sheet, Texts
    from ..render.sheet import pictured

    place = f"{cell.task.name}/{cell.world_name}", cell.method.label, cell.digest
    if pictured(cell.task):
        pixels = _drawn(Lineage(cell, store, keep_checkpoints=True), count=None)
        return None if pixels is None else Sheet(*place, pixels)
    worded = cell.task.card.modality == "tokens" and type(cell.task).render is not Task.render
    return Texts(*place, _read(Lineage(cell, store, keep_checkpoints=True))) if worded else None


def _drawn(lineage: Lineage, count: int | None) -> torch.Tensor | None:
    """The sheet of the first `count` generations, None where there are no pictures."""
    from ..render.sheet import sheet_of

    return sheet_of(lineage.task, _history(lineage, count))


def _read(lineage: Lineage) -> tuple[tuple[str, ...], ...]:
    """The beginnings of a few texts of every generation."""
    from ..render.samples import MOST_LINES, excerpts

    few = (corpus.select(torch.arange(min(MOST_LINES, len(corpus)))) for corpus in _history(lineage, None))
    return tuple(excerpts(lineage.task.render(corpus)) for corpus in few)


def _history(lineage: Lineage, count: int | None) -> list[Corpus]:
    """D_0 and what arrived, of the first `count` generations or of all, from the stages that are stored."""
    for _ in islice(lineage.generations(), count):
        pass
    return [corpus.value for corpus in lineage.history]


def _print_continuations(prompts: Sequence[str], continued: Sequence[Sequence[str]]) -> None:
    width = shutil.get_terminal_size().columns
    for i, prompt in enumerate(prompts):
        typer.echo(f"\n{prompt.strip()} ...")
        for t, texts in enumerate(continued):
            rest = texts[i].removeprefix(prompt).strip()
            typer.echo(textwrap.fill(rest, width, initial_indent=f"  t={t:<4}", subsequent_indent=" " * 8))


def bars(counts: Sequence[int]) -> str:
    """One character per bin: a blank where it is empty, else a bar in proportion to the fullest."""
    most = max(counts)
    return "".join(" ▁▂▃▄▅▆▇█"[-(-8 * count // most)] for count in counts)


class TextReader:
    """What a lineage of causal language models shows besides its corpora.

    Args:
        lineage: at t = 0 or later.
        first: M_0.
    """

    def __init__(self, lineage: Lineage, first: CausalLM) -> None:
        self._lineage, self._first = lineage, first
        self._pad: int = first.tokenizer.pad_token_id
        self._names = lineage.history[0].value.names
        self._prompts = self._openings(lineage.history[0].value)
        self._high = 4 * float(self._read(0).median())

    @classmethod
    def of(cls, lineage: Lineage) -> TextReader | None:
        """A reader, or None if the task's learner does not continue texts."""
        if "tokens" not in lineage.history[0].value.names:
            return None
        from ..learners.lm.causal_lm import CausalLM

        first = lineage.initial_model.value
        return cls(lineage, first) if isinstance(first, CausalLM) else None

    def surprise(self, t: int) -> str:
        """The histogram of the NLL per token under M_0, of D_0 or S_t."""
        from ..scoring.text import histogram

        values = self._read(t)
        shape = bars(histogram(values, 0.0, self._high, BINS))
        median = f"median {float(values.median()):.2f} nats/token"
        return f"NLL under M_0 of {f'S_{t}' if t else 'D_0'}: 0 |{shape}| {self._high:.2f}, {median}"

    def prompts(self) -> list[str]:
        """The prompts as text."""
        return [line for prompt in self._prompts for line in self._rendered(prompt)]

    def continuations(self) -> list[str]:
        """Each prompt as the newest model continues it, with the same random stream at every generation."""
        from ..core.learner import Decoding
        from ..core.seeds import generator

        model, texts = self._lineage.model.value, []
        for i, prompt in enumerate(self._prompts):  # one by one: the end of one text moves no draw of another
            texts += self._rendered(model.sample(1, generator(i), Decoding(), prompt))
        return texts

    def _openings(self, real: Corpus) -> list[Corpus]:
        """One row of `tokens` `[1, k]` each: the prompts of a few texts of D_0, or else their first tokens."""
        from ..core.corpus import Corpus
        from ..core.seeds import generator

        rows = real.sample(min(PROMPTS, len(real)), generator(0))
        lengths = (rows["tokens"] != self._pad).sum(1)
        given = rows["prompt_length"] if "prompt_length" in self._names else (lengths // 2).clamp(1, OPENING)
        return [
            Corpus({"tokens": row[None, :k], "prompt_length": torch.tensor([k])})
            for row, k in zip(rows["tokens"], given.tolist(), strict=True)
        ]

    def _read(self, t: int) -> torch.Tensor:
        """NLL per token of some texts of S_t (D_0 at t = 0) under M_0, float64 `[n]`."""
        from ..core.seeds import generator
        from ..scoring.text import nll_per_token

        corpus = self._lineage.history[t].value
        return nll_per_token(self._first, corpus.sample(min(READ, len(corpus)), generator(0)), self._pad)

    def _rendered(self, corpus: Corpus) -> list[str]:
        """Texts as the task renders them, from the columns that it knows."""
        from ..core.corpus import Corpus

        return self._lineage.task.render(Corpus({name: corpus[name] for name in self._names}))
