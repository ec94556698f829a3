"""`collapsebench doctor`: what is wrong with this installation, if anything."""

from __future__ import annotations

import typer

from .options import DEFAULT_STORE, StoreOption

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(store: StoreOption = DEFAULT_STORE) -> None:
    """Report on versions, machine, store, data and plug-ins; exits with 1 if something cannot work."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from .diagnosis import examine

    findings = examine(store)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings:
        text = finding.found + (f"\n{finding.hint}" if finding.hint else "")
        table.add_row(Text(finding.level, _STYLES[finding.level]), Text(finding.subject), Text(text))
    Console().print(table)
    failed = [finding.subject for finding in findings if finding.level == "fail"]
    typer.echo(f"To be put right: {', '.join(failed)}." if failed else "Nothing stands in the way of a run.")
    if failed:
        raise typer.Exit(1)
