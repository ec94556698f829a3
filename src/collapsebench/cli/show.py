"""`collapsebench show`: the curves, costs and data of one cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import UsageError
from .options import DEFAULT_STORE, StoreOption

if TYPE_CHECKING:
    from ..core.records import CellResult
    from ..loop.store import CellFolder, Store


def show(
    cell: Annotated[
        str, typer.Argument(help="TASK/[WORLD/]METHOD/SEED, e.g. gaussian/purify/frozen/0, or part of a cell's path.")
    ],
    samples: Annotated[
        bool, typer.Option("--samples", help="Show examples of the corpus of every generation.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="Write a PNG with a row of samples per generation (image tasks).")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Show the metrics and costs of a cell by generation, and its data with --samples."""
    from ..loop.store import Store
    from .samples import print_samples, write_sheet

    folder = _find(Store(store), cell)
    result = _read(folder)
    record, count = result.cell, len(result.generations)
    setting = f"{record.task.name}/{record.world.name}"
    typer.echo(f"{record.method.label} on {setting}, seed {record.seed}: {record.status} {record.reason}".rstrip())
    typer.echo(f"protocol {record.protocol.name} v{record.protocol.version}, cell {record.cell[:16]}, {folder.path}")
    if result.generations:
        _print_generations(result)
    if (failure := folder.path / "failure.txt").is_file():
        typer.echo(failure.read_text(encoding="utf-8"))
    if samples:
        print_samples(folder, Store(store), count)
    if sheet is not None:
        write_sheet(folder, Store(store), count, sheet)
        typer.echo(f"Wrote {sheet}.")


def _find(store: Store, wanted: str) -> CellFolder:
    """The newest cell of TASK/METHOD/SEED or TASK/WORLD/METHOD/SEED, or whose path contains `wanted`."""
    paths = {str(folder.path.relative_to(store.root / "cells")): folder for folder in store.cells()}
    match wanted.strip("/").split("/"):
        case [task, method, seed]:
            matches = [name for name in paths if name.startswith(f"{task}/{method}/s{seed}-")]
        case [task, world, method, seed]:
            found = (name for name in paths if name.startswith(f"{task}/{method}/s{seed}-"))
            matches = [name for name in found if _world(paths[name]) == world]
        case _:
            matches = []
    matches = matches or [name for name in paths if wanted.strip("/") in str(paths[name].path)]
    if not matches:
        raise UsageError(
            f"No cell '{wanted}' in {store.root}.",
            f"There are: {', '.join(sorted(paths)[:8]) or 'none'}. References from verified records have no cell here.",
        )
    newest = max(matches, key=lambda name: (paths[name].path / "manifest.json").stat().st_mtime)
    if len(matches) > 1:
        shown = ", ".join(f"{name} ({_world(paths[name])})" for name in sorted(matches)[:8])
        typer.echo(f"The newest of {len(matches)} cells that match: {shown}", err=True)
    return paths[newest]


def _world(folder: CellFolder) -> str:
    """The world of a cell, as its manifest says."""
    manifest = folder.manifest()
    return manifest[0].world.name if manifest else "no readable manifest"


def _read(folder: CellFolder) -> CellResult:
    from ..core.records import CellResult

    if (manifest := folder.manifest()) is None:
        raise UsageError(f"{folder.path} has no manifest that this version reads.", "Run its command again.")
    if (result := folder.result()) is not None:
        return result
    failed = (folder.path / "failure.txt").is_file()
    record = manifest[0].changed(status="failed" if failed else "running")
    return CellResult(record, tuple(folder.unfinished_records()))


def _print_generations(result: CellResult) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    record = result.cell
    described = [record.task.primary, *record.task.metrics]
    measured = result.generations[-1].metrics
    metrics = list(dict.fromkeys([*(m for m in described if m in measured), *measured]))
    logs = sorted({key for generation in result.generations for key in generation.log})
    rows = [
        ("rows of D_t", [f"{g.rows}" for g in result.generations]),
        ("real share", [f"{g.real_share:.3g}" for g in result.generations]),
        ("generated share", [f"{g.synthetic_share:.3g}" for g in result.generations]),
        *((m, [f"{g.metrics[m]:.4g}" if m in g.metrics else "—" for g in result.generations]) for m in metrics),
        *((f"log {k}", [f"{g.log[k]:.4g}" if k in g.log else "—" for g in result.generations]) for k in logs),
        *((k.replace("_", " "), [f"{g.costs[k]}" for g in result.generations]) for k in result.generations[-1].costs),
        ("seconds", [f"{sum(g.seconds.values()):.2f}" for g in result.generations]),
    ]
    shown = _thinned(len(result.generations))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(
        f"{record.task.primary} {_sparkline([g.metrics[record.task.primary] for g in result.generations])}"
        if len(shown) > 1
        else ""
    )
    for t in shown:
        table.add_column(f"t={t}", justify="right")
    for name, values in rows:
        table.add_row(name, *(values[t] for t in shown))
    Console().print(table)


def _thinned(count: int, most: int = 12) -> list[int]:
    """At most `most` generations, evenly spaced, first and last included."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def _sparkline(values: list[float]) -> str:
    low, high = min(values), max(values)
    return "".join("▁▂▃▄▅▆▇█"[round((v - low) / (high - low) * 7) if high > low else 0] for v in values)
