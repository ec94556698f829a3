"""`collapsebench validate`: compare the loop with the closed forms of theory."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from .options import DEFAULT_BOARDS, BoardsOption


def validate(
    laws: Annotated[
        list[str] | None, typer.Argument(metavar="[LAW]...", help="Laws or families of laws; by default all.")
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Use few seeds (under 3 minutes); write no page.")] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=0, help="Worker processes; 0: this process; default: all cores."),
    ] = None,
    boards: BoardsOption = DEFAULT_BOARDS,
) -> None:
    """Compare the loop with closed forms from theory; exit with 1 if a claim fails.

    A full run over all laws writes validation/README.md and its figures among the leaderboards.

    Example: collapsebench validate gaussian_replace regression --fast
    """
    from rich.console import Console

    from ..validate import chosen, report
    from ..validate import validate as measured

    claims = chosen(laws or [])
    with Console(stderr=True).status("") as status:
        verdicts = measured(
            claims,
            fast,
            os.cpu_count() or 1 if workers is None else workers,
            lambda done, total: status.update(f"{done} of {total} batches of cells"),
        )
    Console().print(report.table(verdicts))
    failed = [verdict for verdict in verdicts if not verdict.passed]
    typer.echo(report.summary(verdicts))
    if not fast and not laws:
        typer.echo(f"Page: {report.write(verdicts, boards / 'validation')[0]}")
    if failed:
        raise typer.Exit(1)
