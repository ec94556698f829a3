"""`collapsebench check`: whether a plug-in keeps its contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import PluginError, unknown_name
from ..core.plugin import source_file, split_label
from .options import PluginOption

if TYPE_CHECKING:
    from ..core.method import Method
    from ..core.task import Task
    from ..testing import CheckResult

_STYLES = {"passed": "green", "failed": "bold red", "warning": "yellow", "skipped": "dim"}


def check(
    plugin: Annotated[
        str, typer.Argument(help="A plug-in file, or a plug-in by name or label, e.g. 'real_mix(alpha=0.2)'.")
    ],
    task: Annotated[
        str | None, typer.Option("--task", help="Run methods on these tasks alone, comma-separated; default: core.")
    ] = None,
    beside: PluginOption = None,
) -> None:
    """Check on tiny tasks that a plug-in keeps its contract; it takes some seconds.

    The command exits with 0 if every check passes, with 3 if one fails or the plug-in cannot be imported.
    """
    from ..core.registry import load_plugins
    from ..core.task import TASKS
    from ..testing import method_results, task_results

    load_plugins(beside or [])
    tasks = None if task is None else task.split(",")
    for name in tasks or []:
        TASKS.get(name)
    methods, task_classes = _find(plugin)
    passed = True
    for cls, params in methods:
        passed &= _report(f"method {cls.name}", method_results(cls, tasks, params))
    for task_cls in task_classes:
        passed &= _report(f"task {task_cls.name}", task_results(task_cls))
    if not passed:
        raise typer.Exit(PluginError.exit_code)


def _find(plugin: str) -> tuple[list[tuple[type[Method], Mapping[str, object]]], list[type[Task]]]:
    """The plug-ins of a file or those of a name or label, methods with the hyper-parameters that are set."""
    from ..core.method import METHODS
    from ..core.registry import load_file
    from ..core.task import TASKS
    from ..loop.plugins import read_method

    # Discovery comes first, so that a file with an installed name is refused.
    names = {*METHODS.names(), *METHODS.unavailable(), *TASKS.names(), *TASKS.unavailable()}
    if not (plugin.endswith(".py") or Path(plugin).is_file()):
        name, texts = split_label(plugin)
        if name not in names:
            raise unknown_name("plug-in", name, names)
        if texts:
            method = read_method(name, texts)
            return [(type(method), method.params())], []
        in_tasks = name in TASKS.names() or name in TASKS.unavailable()
        in_methods = name in METHODS.names() or name in METHODS.unavailable()
        return [(METHODS.get(name), {})] if in_methods else [], [TASKS.get(name)] if in_tasks else []
    path = Path(plugin).resolve()
    load_file(path)
    methods: list[tuple[type[Method], Mapping[str, object]]]
    methods = [(cls, {}) for cls in map(METHODS.get, METHODS.names()) if _defined_in(cls, path)]
    tasks = [cls for cls in map(TASKS.get, TASKS.names()) if _defined_in(cls, path)]
    if not methods and not tasks:
        raise PluginError(
            f"{plugin} registers no method and no task.",
            'Decorate the class with @method("name") or @task("name").',
        )
    return methods, tasks


def _defined_in(cls: type, path: Path) -> bool:
    return source_file(cls).resolve() == path


def _report(title: str, results: Sequence[CheckResult]) -> bool:
    """Print the checks of one plug-in; return whether all passed."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for column in ("", "check", "what it asserts"):
        table.add_column(column, overflow="fold")
    for result in results:
        text = Text("\n").join([Text(line, style) for line, style in _lines(result)])
        table.add_row(Text(result.outcome, _STYLES[result.outcome]), result.name, text)
    Console().print(table)
    failed = [result.name for result in results if not result.passed]
    typer.echo(f"{title}: {'failed: ' + ', '.join(failed) if failed else 'all checks passed'}")
    return not failed


def _lines(result: CheckResult) -> Iterator[tuple[str, str]]:
    yield result.sentence, ""
    if result.detail:
        yield result.detail, _STYLES[result.outcome]
