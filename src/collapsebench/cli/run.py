"""`collapsebench run`: put methods through a protocol and update its board."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..core import processes
from ..core.errors import UsageError
from .attach import detached
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
    from ..core.records import CellResult, Place
    from ..loop.cell import Cell
    from ..loop.executors.executor import Executor
    from ..loop.protocol import Protocol
    from ..loop.store import Store
    from ..render.samples import Sheet, Texts
    from ..results.references import Verified


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
        typer.Option("--workers", min=0, help="Worker processes; 0: this process; by default what the machine holds."),
    ] = None,
    executor: Annotated[
        str, typer.Option("--executor", help="Where cells run: local, ray (a Ray cluster) or slurm (job arrays).")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option("--address", help="Ray's head, e.g. 10.0.0.1:6379; by default one starts here."),
    ] = None,
    executor_config: Annotated[
        Path | None, typer.Option("--executor-config", help="YAML: resources of cells, settings of the engine.")
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
    own_references: Annotated[
        bool, typer.Option("--own-references", help="Train references here, also where verified records have them.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Go on without this terminal, and print the id of the run.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be run, and stop.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each cell's key is made of, and stop.")] = False,
) -> None:
    """Run methods, the reference lineages of each world and learning curves; then update and print the board.

    Example: collapsebench run --method token_edit --task arithmetic,gaussian --world preserve --seeds 5

    Reference cells and learning curves come from verified records with the keys of today, where the board or the
    published one has them; --own-references trains them here.
    """
    from ..loop.runs import own_run

    if detach and not (dry_run or explain) and own_run() is None:
        detached(store)
        return
    from ..core.registry import load_plugins
    from ..loop.executors import make_executor
    from ..loop.executors.resources import ExecutorConfig, load_config
    from ..loop.plan import enumerate_cells
    from ..loop.protocol import shipped_protocols
    from ..loop.store import Store
    from ..results.merge import check_board
    from ..results.references import Verified, published_references, verified_references
    from .samples import draw_sheets

    config = ExecutorConfig() if executor_config is None else load_config(executor_config)
    engine = make_executor(executor, _workers(workers), address, config)
    load_plugins(plugin or [])
    plugins = [str(path.resolve()) for path in plugin or []]
    tasks = None if task is None else split_names("--task", task)
    rules = chosen_protocol(protocol, tasks or [])
    rules = _with_lm_eval(rules, tasks, [] if lm_eval is None else split_names("--lm-eval", lm_eval), lm_eval_limit)
    methods = parse_methods(InOrder.pairs(ctx, method=method, settings=settings))
    worlds = None if world is None else split_names("--world", world)
    cells = enumerate_cells(rules, methods, tasks, seeds, plugins, worlds)
    folder = boards / rules.name
    verified = verified_references(folder, cells)
    nothing = Verified(folder, {})
    sources = (nothing, nothing) if own_references else (verified, published_references(folder, cells))
    ready = _ready(cells, *sources, Store(store))
    if dry_run or explain:
        _describe(cells, ready, explain)
    standing = {} if dry_run or explain else check_board(folder, cells)  # nothing runs for a board that refuses it
    if processes.is_main():
        _say_what_is_taken(cells, ready, sources)
    if dry_run or explain:
        return
    if (here := own_run()) is not None:
        names = ", ".join(method.label for method in methods)
        here.change(methods=names, protocol=rules.name, board=str(folder.resolve()), engine=executor)
    results = _execute(cells, ready, engine, store, keep_checkpoints)
    sheets = list(draw_sheets(cells, Store(store)))
    if not processes.is_main():
        return
    board = _publish(rules, _for_board(results, verified, standing), sheets, boards)
    named = protocol or (rules.name if rules.name in shipped_protocols() else "")
    _say_what_is_missing(board, rules, named, plugin or [], {method.label for method in methods})
    failed = [result for result in results if result.cell.status == "failed"]
    if failed:
        _report_failures(failed, store)
        raise typer.Exit(1)


def _workers(wanted: int | None) -> int | None:
    """Worker processes; none when a launcher already started several, which then work on one cell together."""
    return 0 if processes.count() > 1 else wanted


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


class _Ready(NamedTuple):
    """A cell that need not run, and the board whose verified records it is from; None where it is from the store."""

    result: CellResult
    board: Path | None = None


def _ready(cells: Sequence[Cell], board: Verified, published: Verified, store: Store) -> dict[Place, _Ready]:
    """The cells that need not run: of the board's verified records, of the store, then of the published board.

    The store comes before the published board, so that what was trained here stays in use.
    """
    from ..loop.runner import finished

    found: dict[Place, _Ready] = {}
    for cell in cells:
        if result := board.results.get(cell.place):
            found[cell.place] = _Ready(cell.with_current_metadata(result), board.board)
        elif result := finished(cell, store):
            found[cell.place] = _Ready(cell.with_current_metadata(result))
        elif result := published.results.get(cell.place):
            found[cell.place] = _Ready(cell.with_current_metadata(result), published.board)
    return found


def _say_what_is_taken(cells: Sequence[Cell], ready: Mapping[Place, _Ready], sources: Sequence[Verified]) -> None:
    """One line for each board that references come from, and one for each file that gives none any more."""
    from ..loop.world import CURVE
    from ..render.numbers import plural

    for source in sources:
        found = [(cell, ready[cell.place].result) for cell in cells if cell.place in ready]
        taken = [(cell.world_name == CURVE, _commit(r)) for cell, r in found if ready[cell.place].board == source.board]
        curves = sum(curve for curve, _ in taken)
        if taken:
            typer.echo(
                f"{plural(len(taken) - curves, 'reference cell')} and {plural(curves, 'learning curve')} come from "
                f"verified records of {source.board}, run at commit {', '.join(sorted({at for _, at in taken}))}; "
                "--own-references trains them here."
            )
        for said in source.refused:
            typer.echo(said, err=True)


def _commit(result: CellResult) -> str:
    return str(result.cell.environment.get("git", "unknown"))[:7]


def _for_board(
    results: Sequence[CellResult], verified: Verified, standing: Mapping[Place, CellResult]
) -> list[CellResult]:
    """What of the results a board takes. It keeps verified references; what else it replaces by other numbers is said.

    A reference is made anew by `--own-references`, and on another machine numbers differ by rounding at least.
    """
    kept = _apart(results, verified.results)
    rest = [result for result in results if result.place not in kept]
    if kept:
        typer.echo(
            f"{len(kept)} reference cells made here differ from verified records by up to {max(kept.values()):.2g}, "
            f"relatively; {verified.board} keeps the verified ones. --boards FOLDER takes these."
        )
    if replaced := _apart(rest, standing):
        typer.echo(
            f"Replaced {len(replaced)} records of the same cells, from which those made here differ by up to "
            f"{max(replaced.values()):.2g}, relatively."
        )
    return rest


def _apart(results: Sequence[CellResult], known: Mapping[Place, CellResult]) -> dict[Place, float]:
    """By how much results differ from what is known of the same cells, where they are not the same."""
    from ..results.rerun import largest_difference

    return {
        new.place: largest_difference(old, new)[1]
        for new in results
        if (old := known.get(new.place))
        and old.cell.cell == new.cell.cell
        and "failed" not in (old.cell.status, new.cell.status)
        and not (new.cell.task.lm_eval or replace(old, cell=new.cell).includes(new))
    }


def _execute(
    cells: Sequence[Cell], ready: Mapping[Place, _Ready], engine: Executor, store: Path, keep_checkpoints: bool
) -> list[CellResult]:
    """The results of cells: those that are ready, and the others run."""
    from ..core.files import collect, leftovers
    from ..loop.executors.executor import Options
    from ..loop.runner import cell_folder
    from ..loop.runs import own_run
    from ..loop.stage import prepared_task
    from ..loop.store import Store
    from .progress import LiveProgress

    collect(leftovers())
    results = [ready[cell.place].result for cell in cells if cell.place in ready]
    remaining = [cell for cell in cells if cell.place not in ready]
    for cell in {cell.task.name: cell for cell in remaining}.values():
        prepared_task(cell)  # missing or damaged data are one message before anything runs
    if (here := own_run()) is not None:
        here.plan(len(results), [cell_folder(cell, Store(store)).path.relative_to(store) for cell in remaining])
    options = Options(store, keep_checkpoints, here.id if here else None)
    with LiveProgress(len(cells), len(results), here.begin if here else lambda: None) as progress:
        running = engine.run(remaining, options, progress)
        try:
            results.extend(running)
        except KeyboardInterrupt:
            running.close()
            _say_how_to_resume(progress.finished_cells, len(cells))
            raise typer.Exit(130) from None
    return results


def _say_how_to_resume(done: int, total: int) -> None:
    command = shlex.join(["collapsebench", *sys.argv[1:]])
    typer.echo(f"Interrupted: {done} of {total} cells are finished and kept. Resume with:\n  {command}", err=True)


def _publish(protocol: Protocol, results: Sequence[CellResult], sheets: Sequence[Sheet | Texts], boards: Path) -> Board:
    """Merge the results into the board, write its pages and print its table."""
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
    terminal.show(summary(view.board))
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


def _describe(cells: Sequence[Cell], ready: Mapping[Place, _Ready], explain: bool) -> None:
    for cell in cells:
        done, board = ready.get(cell.place, (None, None))
        state = f"verified on {board}" if board else done.cell.status if done else "to run"
        reason = f" ({done.cell.reason})" if done and done.cell.reason else ""
        typer.echo(f"{state}{reason}: {cell.name}")
        if explain:
            for part, digest in cell.key_parts().items():
                typer.echo(f"    {part}: {digest}")
    typer.echo(f"{len(cells)} cells")
