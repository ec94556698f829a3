"""`collapsebench check`: whether a plug-in keeps its contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

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
    from ..core.registry import REGISTRIES, judge, load_plugins
    from ..core.task import TASKS
    from ..testing import method_results, task_results
    from ..testing.strange import task_results_apart

    judge()
    for registry in REGISTRIES.values():
        registry.names()
    judge(False)  # what stands beside the accused is the user's own
    load_plugins(beside or [])
    judge()
    tasks = None if task is None else task.split(",")
    for name in tasks or []:
        TASKS.get(name)
    found = _find(plugin)
    reports = [(f"method {cls.name}", method_results(cls, tasks, params)) for cls, params in found.methods]
    reports += [(f"task {cls.name}", task_results(cls)) for cls in found.tasks]
    if found.strange is not None:
        others = [str(path.resolve()) for path in beside or []]
        apart = task_results_apart(found.strange, others)
        reports += [(f"task {name}", results) for name, results in apart.items()]
    if not reports:
        raise PluginError(
            f"{plugin} registers no method and no task.",
            'Decorate the class with @method("name") or @task("name").',
        )
    passed = [_report(title, results) for title, results in reports]
    if not all(passed):
        raise typer.Exit(PluginError.exit_code)


class _Found(NamedTuple):
    """Plug-ins to check.

    Args:
        methods: with the hyper-parameters that are set.
        tasks: that are shipped.
        strange: a file that is not, whose tasks are not imported here.
    """

    methods: Sequence[tuple[type[Method], Mapping[str, object]]] = ()
    tasks: Sequence[type[Task]] = ()
    strange: Path | None = None


def _find(plugin: str) -> _Found:
    """The plug-ins of a file, or those of a name or label."""
    from ..core.method import METHODS
    from ..core.registry import load_file
    from ..core.shipped import builtin_folder, is_shipped
    from ..core.task import TASKS
    from ..loop.plugins import read_method

    # Discovery came first, so that a file with an installed name is refused.
    names = {*METHODS.names(), *METHODS.unavailable(), *TASKS.names(), *TASKS.unavailable()}
    if not (plugin.endswith(".py") or Path(plugin).is_file()):
        name, texts = split_label(plugin)
        if name not in names:
            raise unknown_name("plug-in", name, names)
        if texts:
            method = read_method(name, texts)
            return _Found([(type(method), method.params())])
        in_methods = name in METHODS.names() or name in METHODS.unavailable()
        methods = [(METHODS.get(name), dict[str, object]())] if in_methods else []
        changed = builtin_folder("tasks") / name / "task.py"
        if changed.is_file() and not is_shipped(changed):
            return _Found(methods, strange=changed)
        return _Found(methods, [TASKS.get(name)] if name in {*TASKS.names(), *TASKS.unavailable()} else [])
    path = Path(plugin).resolve()
    strange = None if is_shipped(path) or not path.is_file() else path
    if strange is None or path.name != "task.py":
        load_file(path)
    own = [cls for cls in map(METHODS.get, METHODS.names()) if _defined_in(cls, path)]
    tasks = [cls for cls in map(TASKS.get, TASKS.names()) if _defined_in(cls, path)]
    return _Found([(cls, {}) for cls in own], [] if strange else tasks, strange)


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
