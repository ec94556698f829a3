"""`collapsebench run`: put methods through a protocol and update its board."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core import processes
from ..core.errors import UsageError
from .options import (
    DEFAULT_BOARDS,
    DEFAULT_STORE,
    BoardsOption,
    InOrder,
    PluginOption,
    StoreOption,
    chosen_protocol,
    parse_methods,
    split_names,
)

if TYPE_CHECKING:
    from ..board import Board
    from ..core.records import CellResult
    from ..loop.cell import Cell
    from ..loop.protocol import Protocol
    from ..loop.store import Store
    from ..render.samples import Sheet


MOST_SEEDS = 10_000


def run(
    ctx: typer.Context,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="Methods, e.g. real_mix or 'real_mix(alpha=0.2),tempered'; repeatable; or all."),
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="Only these tasks, comma-separated.")] = None,
    world: Annotated[
        str | None,
        typer.Option("--world", help="Only these worlds, e.g. preserve,purify; by default all of each task."),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option("--protocol", help="A shipped protocol or a YAML file; default: quick, or a task's own rules."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, max=MOST_SEEDS, help="Number of seeds; by default the protocol's.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Hyper-parameter of the method before it: NAME=VALUE; or METHOD.NAME=VALUE."),
    ] = None,
    plugin: PluginOption = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=0, help="Worker processes; 0: this process; default: all cores."),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    boards: BoardsOption = DEFAULT_BOARDS,
    lm_eval: Annotated[
        str | None,
        typer.Option("--lm-eval", help="lm-eval tasks to score besides at every generation, e.g. hellaswag,piqa."),
    ] = None,
    lm_eval_limit: Annotated[
        int | None, typer.Option("--lm-eval-limit", min=1, help="Items of each lm-eval task; by default all.")
    ] = None,
    keep_checkpoints: Annotated[
        bool, typer.Option("--keep-checkpoints", help="Keep the model of every generation.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be run, and stop.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each cell's key is made of, and stop.")] = False,
) -> None:
    """Run methods, the reference lineages of each world and learning curves; then update and print the board.

    Example: collapsebench run --method token_edit --task arithmetic,gaussian --world preserve --seeds 5

    Reference cells that are verified on the board with the keys of today are taken from it.
    """
    from ..core.registry import load_plugins
    from ..loop.plan import enumerate_cells
    from ..loop.protocol import shipped_protocols
    from ..loop.store import Store
    from ..results.collect import verified_references
    from ..results.merge import check_board
    from .samples import draw_sheets

    load_plugins(plugin or [])
    plugins = [str(path.resolve()) for path in plugin or []]
    tasks = None if task is None else split_names("--task", task)
    rules = chosen_protocol(protocol, tasks or [])
    rules = _with_lm_eval(rules, tasks, [] if lm_eval is None else split_names("--lm-eval", lm_eval), lm_eval_limit)
    methods = parse_methods(InOrder.pairs(ctx, method=method, settings=settings))
    worlds = None if world is None else split_names("--world", world)
    cells = enumerate_cells(rules, methods, tasks, seeds, plugins, worlds)
    folder = boards / rules.name
    taken = verified_references(folder, cells)
    if dry_run or explain:
        _describe(cells, taken, Store(store), explain)
        return
    check_board(folder, cells)  # nothing runs for a board that refuses it
    results = _execute(cells, taken, store, keep_checkpoints, _workers(workers))
    sheets = list(draw_sheets(cells, Store(store)))
    if not processes.is_main():
        return
    board = _publish(rules, results, sheets, boards)
    named = protocol or (rules.name if rules.name in shipped_protocols() else "")
    _say_what_is_missing(board, rules, named, plugin or [], {method.label for method in methods})
    failed = [result for result in results if result.cell.status == "failed"]
    if failed:
        _report_failures(failed, store)
        raise typer.Exit(1)


def _workers(wanted: int | None) -> int:
    """Worker processes; none when a launcher already started several, which then work on one cell together."""
    if processes.count() > 1:
        return 0
    return (os.cpu_count() or 1) if wanted is None else wanted


def _with_lm_eval(rules: Protocol, tasks: Sequence[str] | None, names: Sequence[str], limit: int | None) -> Protocol:
    """The protocol with lm-eval's tasks on every task that can read them; their data are checked, or fetched, here."""
    from ..loop.plugins import make_task

    run = list(tasks or rules.tasks)
    if names or limit:
        cards = {task: make_task(task, rules.rules(task).params).card for task in run}
        readers = [task for task, card in cards.items() if "lm_eval" in frozenset(card.supports)]
        if not readers:
            raise UsageError(
                f"lm-eval's tasks cannot be scored on {', '.join(run)}: no model there reads English text.",
                "`collapsebench list tasks` shows which tasks support lm_eval.",
            )
        rules = rules.with_lm_eval(readers, names, limit)
    if wanted := sorted({name for task in run for name in rules.rules(task).lm_eval}):
        from ..scoring.lm_eval.named import check

        check(wanted)
    return rules


def _execute(
    cells: Sequence[Cell], taken: Mapping[str, CellResult], store: Path, keep_checkpoints: bool, workers: int
) -> list[CellResult]:
    """The results of cells: those that are taken from the board or finished in the store, and the others run."""
    from ..loop.executors.local import Options, run_here, run_pool
    from ..loop.runner import finished
    from ..loop.stage import prepared_task
    from ..loop.store import Store
    from .progress import LiveProgress

    results: list[CellResult] = []
    remaining: list[Cell] = []
    for cell in cells:
        if result := taken.get(cell.digest) or finished(cell, Store(store)):
            results.append(cell.with_current_metadata(result))
        else:
            remaining.append(cell)
    for cell in {cell.task.name: cell for cell in remaining}.values():
        prepared_task(cell)  # missing or damaged data are one message before anything runs
    options = Options(store, keep_checkpoints)
    with LiveProgress(len(cells), done=len(results)) as progress:
        running = run_pool(remaining, options, progress, workers) if workers else run_here(remaining, options, progress)
        try:
            results.extend(running)
        except KeyboardInterrupt:
            running.close()  # type: ignore[attr-defined]
            _say_how_to_resume(progress.finished_cells, len(cells))
            raise typer.Exit(130) from None
    return results


def _say_how_to_resume(done: int, total: int) -> None:
    command = shlex.join(["collapsebench", *sys.argv[1:]])
    typer.echo(f"Interrupted: {done} of {total} cells are finished and kept. Resume with:\n  {command}", err=True)


def _publish(protocol: Protocol, results: Sequence[CellResult], sheets: Sequence[Sheet], boards: Path) -> Board:
    """Merge the results into the board, write its pages and print its table."""
    from rich.console import Console
    from rich.measure import Measurement

    from ..render import terminal
    from ..render.files import write_board
    from ..render.page import summary
    from ..render.samples import write_sheets
    from ..results.merge import board_lock, merge_records

    folder = boards / protocol.name
    with board_lock(folder):
        merge_records(results, folder)
        write_sheets(folder, sheets)
        view = write_board(folder)
    (table,) = terminal.write(summary(view.board))
    console = Console()
    needed = Measurement.get(console, console.options.update(max_width=1000), table).maximum
    Console(width=max(console.width, needed)).print(table)  # a narrow terminal wraps lines rather than figures
    typer.echo(f"Board: {folder / 'README.md'}")
    if beyond := sorted({r.cell.seed for r in results if r.cell.seed >= protocol.seeds}):
        typer.echo(f"Seeds beyond the protocol's {protocol.seeds} are in the store, not on the board: {beyond}.")
    return view.board


def _say_what_is_missing(
    board: Board, rules: Protocol, protocol: str, plugins: Sequence[Path], labels: Collection[str]
) -> None:
    """Why entries of this run are incomplete, with the command that completes them, and why a column has no worth."""
    from ..results.collect import commands, in_words

    for group in board.groups:
        if not group.counting:
            told = ", ".join(f"{setting.name} ({setting.verdict})" for setting in group.settings)
            typer.echo(f"No worth in {group.question}, {group.suite}, as no setting counts: {told}.")
    missing = [
        (entry.label, setting.task.name, setting.world.name, seed)
        for entry in board.entries
        if entry.label in labels and not entry.reference
        for setting in board.scope.waiting(entry)
        for seed in sorted(
            {*board.scope.seeds(entry, "missing", setting), *board.scope.seeds(entry, "failed", setting)}
        )
    ]
    if missing:
        typer.echo(f"Incomplete: {in_words(missing)}.")
        for command in commands(missing, rules, protocol, plugins):
            typer.echo(f"  {command}")


def _report_failures(failed: Sequence[CellResult], store: Path) -> None:
    typer.echo(f"{len(failed)} cells failed; the others stand. Run the same command to try them again.", err=True)
    for result in failed:
        typer.echo(f"  {result.cell.reason}", err=True)
    typer.echo(f"Tracebacks: failure.txt in each cell's folder under {store / 'cells'}.", err=True)


def _describe(cells: Sequence[Cell], taken: Mapping[str, CellResult], store: Store, explain: bool) -> None:
    from ..loop.runner import finished

    for cell in cells:
        done = finished(cell, store)
        state = done.cell.status if done else "verified on the board" if cell.digest in taken else "to run"
        reason = f" ({done.cell.reason})" if done and done.cell.reason else ""
        typer.echo(f"{state}{reason}: {cell.name}")
        if explain:
            for part, digest in cell.key_parts().items():
                typer.echo(f"    {part}: {digest}")
    typer.echo(f"{len(cells)} cells")
