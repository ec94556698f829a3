"""Protocol: the fixed rules of a board (generations, sizes, budgets, seeds, limits), read from YAML."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import ByteSize, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, from_json
from typing_extensions import override

from ..core.errors import ProtocolError, unknown_name
from ..core.files import digest
from .world import CURVE, Count, Positive, Rows, Rules, World, WorldEntry, with_kinds

NonNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]

WorldName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]

NOT_SCORED = {"lm_eval", "lm_eval_limit", "cell"}
"""What is measured besides a task's own metrics, and what a cell may take: neither can change a score, so no digest
of rules has them."""


class Budget(Rules):
    """Training of one generation: `steps` optimizer steps whatever the corpus size, or `epochs` over it."""

    steps: Count | None = None
    epochs: Positive | None = None
    batch: Count = 32

    @property
    def in_words(self) -> str:
        """`400 steps of 32 rows`, `2 epochs, 32 rows a step`; "" of a closed form, which has neither."""
        if self.steps is not None:
            return f"{self.steps} steps of {self.batch} rows"
        return "" if self.epochs is None else f"{self.epochs:g} epochs, {self.batch} rows a step"

    @model_validator(mode="after")
    def _one_of_both(self) -> Budget:
        if self.steps is not None and self.epochs is not None:
            raise ValueError("give either steps or epochs")
        return self


class Limits(Rules):
    """What a method may ask for in one generation, as multiples of n, and the largest corpus in bytes."""

    fresh_real: NonNegative = 1.0
    candidates: NonNegative = 8.0
    corpus_bytes: Count = 2 * 1024**3


class CellLimits(Rules):
    """What one cell may take of the machine; a method that wants more fails its own cell and nothing else.

    They cannot change a score, so they are in no digest.

    Args:
        hours: wall time.
        memory: resident bytes of all its processes, or a text such as `8 GiB`.
        processes: how many a method may start.
        checkpoint_minutes: how often a fit of a language model that takes longer leaves a checkpoint, from which the
            same command goes on.
    """

    hours: Positive = 12.0
    memory: Annotated[ByteSize, Field(gt=0)] = ByteSize(16 * 1024**3)
    processes: Count = 64
    checkpoint_minutes: Positive = 10.0


class _TaskEntry(Rules):
    """A task as a protocol file writes it; what is missing comes from the protocol."""

    n: Rows
    start: Annotated[str, Field(pattern="^(scratch|pretrained|previous)$")] = "scratch"
    budget: Budget = Budget()
    limits: Limits | None = None
    cell: CellLimits | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    lm_eval: tuple[str, ...] = ()
    lm_eval_limit: Count | None = None
    worlds: Annotated[dict[WorldName, WorldEntry], Field(min_length=1)]

    @field_validator("worlds", mode="before")
    @classmethod
    def _named_kinds(cls, worlds: Any) -> Any:
        if isinstance(worlds, Mapping) and CURVE in worlds:
            raise ValueError(f"'{CURVE}' is the world of the learning curve, which every task has")
        return with_kinds(worlds)


class TaskRules(_TaskEntry):
    """The rules of one task in whatever world: size, training budget and the task's own parameters."""

    limits: Limits = Limits()
    cell: CellLimits = CellLimits()

    def digest(self) -> str:
        """SHA-256 over every rule that can change a score in any world; part of a cell's key."""
        return digest(self.model_dump(mode="json", exclude={*NOT_SCORED, "worlds"}))


class Protocol(Rules):
    """A whole protocol file.

    `average_last` says how many of the last generations the scored loss is averaged over, but in a world of kind
    `mix`, which has one; `seeds` are 0, 1, ..., seeds - 1.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
    version: Count
    description: str
    generations: Count
    seeds: Annotated[int, Field(strict=True, gt=0, le=100_000)]
    average_last: Count = 1
    limits: Limits = Limits()
    cell: CellLimits = CellLimits()
    tasks: dict[str, _TaskEntry]

    @model_validator(mode="after")
    def _sane(self) -> Protocol:
        if not self.tasks:
            raise ValueError("tasks: name at least one task")
        lengths = [w.generations for task in self.tasks.values() for w in task.worlds.values() if w.kind != "mix"]
        shortest = min(length or self.generations for length in (None, *lengths))
        if self.average_last > shortest:
            raise ValueError(f"average_last: at most the number of generations, {shortest}")
        return self

    def rules(self, task: str) -> TaskRules:
        """The resolved rules of one of this protocol's tasks.

        Raises:
            UsageError: the protocol does not score this task.
        """
        if task not in self.tasks:
            raise unknown_name("task", task, self.tasks, owner=f"protocol '{self.name}'")
        entry = self.tasks[task]
        return TaskRules.model_validate(
            {**dict(entry), "limits": entry.limits or self.limits, "cell": entry.cell or self.cell}
        )

    def world(self, task: str, name: str) -> World:
        """One of the worlds of one of this protocol's tasks.

        Raises:
            UsageError: the protocol does not have this task, or not in this world.
        """
        entry = self.rules(task)
        if name not in entry.worlds:
            raise unknown_name("world", name, entry.worlds, owner=f"task '{task}' of protocol '{self.name}'")
        return entry.worlds[name].world(name, entry.n, self.generations)

    def with_lm_eval(self, tasks: Collection[str], names: Sequence[str], limit: int | None) -> Protocol:
        """This protocol with more lm-eval tasks to score on some of its tasks.

        Args:
            tasks: where.
            names: lm-eval's.
            limit: items of each lm-eval task; None for what the protocol says.
        """

        def extended(entry: _TaskEntry) -> _TaskEntry:
            union = tuple(dict.fromkeys((*entry.lm_eval, *names)))
            return entry.model_copy(update={"lm_eval": union, "lm_eval_limit": limit or entry.lm_eval_limit})

        entries = {name: extended(entry) if name in tasks else entry for name, entry in self.tasks.items()}
        return self.model_copy(update={"tasks": entries})

    def digest(self) -> str:
        """SHA-256 over all that can change a score; names exactly what a board was run under."""
        content = self.model_dump(mode="json", exclude={"description", "cell"})
        for entry in content["tasks"].values():
            for name in NOT_SCORED:
                del entry[name]
        return digest(content)


def single_task(task: str, generations: int, name: str = "single", **entry: Any) -> Protocol:
    """A protocol over one task; `entry` is what a protocol file writes below the task's name.

    Its world is `preserve` where `entry` names none.

    Raises:
        ProtocolError: as `load_protocol`.
    """
    keys = {"name": name, "version": 1, "description": f"{task} alone.", "generations": generations, "seeds": 1}
    return _checked({**keys, "tasks": {task: {"worlds": {"preserve": {}}, **entry}}}, name)


def own_protocol(entries: Mapping[str, Mapping[str, Any]]) -> Protocol:
    """A protocol over tasks by their own rules, for a personal board.

    Args:
        entries: name of a task -> what it changes of the defaults: 100 examples, 3 seeds, 100 steps, 5 generations of
            the world `preserve`. The most seeds and generations of all tasks count for each of them.

    Raises:
        ProtocolError: as `load_protocol`.
    """
    usual = {"n": 100, "worlds": {"preserve": {}}, "budget": {"steps": 100, "batch": 32}}
    tasks = {
        name: {**usual, **{key: value for key, value in entry.items() if key not in ("seeds", "generations")}}
        for name, entry in entries.items()
    }
    raw = {
        "name": f"own-{'-'.join(entries).lower()}"[:64],
        "version": 1,
        "description": f"{', '.join(entries)} by the rules in the task's own file.",
        "generations": _most(entries, "generations", 5),
        "seeds": _most(entries, "seeds", 3),
        "tasks": tasks,
    }
    return _checked(raw, f"of {', '.join(entries)}", "Mend `rules` in the task's file.")


def _most(entries: Mapping[str, Mapping[str, Any]], key: str, usual: int) -> Any:
    """The largest value of a key; or one that is no whole number, which the model refuses."""
    values = [entry.get(key, usual) for entry in entries.values()]
    not_whole = [value for value in values if type(value) is not int]
    return not_whole[0] if not_whole else max(values, default=usual)


def shipped_protocols() -> list[str]:
    """Names of the protocols that come with the package."""
    folder = resources.files("collapsebench.loop") / "protocols"
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))


def load_protocol(name_or_path: str) -> Protocol:
    """A shipped protocol by name, or a user's own by path.

    Raises:
        UsageError: neither a shipped name nor a file.
        ProtocolError: not YAML, an unknown key, a wrong type or size; the message names the key.
    """
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        if not path.is_file():
            raise unknown_name("protocol file", name_or_path, shipped_protocols())
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ProtocolError(f"Protocol {path} is not a text file: {error}.") from None
        return parse_protocol(text, str(path))
    if name_or_path not in shipped_protocols():
        raise unknown_name("protocol", name_or_path, shipped_protocols())
    text = (resources.files("collapsebench.loop") / "protocols" / f"{name_or_path}.yaml").read_text(encoding="utf-8")
    return parse_protocol(text, name_or_path)


def parse_protocol(text: str, where: str) -> Protocol:
    """A protocol from YAML text; `where` names it in errors."""
    try:
        raw = yaml.load(text, _Loader)
    except RecursionError:
        raise ProtocolError(f"Protocol {where} is nested too deeply.", "Start from a shipped one.") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none, an integer without end
        raise ProtocolError(f"Protocol {where} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise ProtocolError(f"Protocol {where} is not a mapping of keys.", "Start from a shipped one.")
    return _checked(raw, where)


class _Loader(yaml.SafeLoader):
    """YAML in which each key of a mapping stands once."""

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable):
                if key in keys:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key!r} stands twice", key_node.start_mark
                    )
                keys.add(key)
        return super().construct_mapping(node, deep)


def _of_old_schema(problems: Sequence[ErrorDetails], where: str) -> ProtocolError | None:
    """What to change in a file of the time before worlds; None for another problem."""
    unknown = {problem["loc"][-1] for problem in problems if problem["type"] == "extra_forbidden"}
    without = [p["loc"][1] for p in problems if p["type"] == "missing" and p["loc"][2:] == ("worlds",)]
    if not without or unknown - {"synthetic", "generations"}:
        return None
    task = without[0]
    return ProtocolError(
        f"Protocol {where}: tasks.{task} has no `worlds`, as in files of an older version.",
        "Write `worlds: {preserve: {}}` below each task; what was `synthetic: M` is `preserve: {m: M}` now, and a "
        "task's `generations` stand in its worlds.",
    )


def _key(place: Sequence[int | str]) -> str:
    """Where an error is, as a reader of the file names it: without the kind by which pydantic chose a world's form."""
    parts = [part for i, part in enumerate(place) if not (i == 4 and place[2] == "worlds")]
    return ".".join(map(str, parts))


def _checked(
    raw: dict[str, Any], where: str, hint: str = "`collapsebench list protocols` shows the shipped ones to start from."
) -> Protocol:
    try:
        protocol = Protocol.model_validate(raw)
    except ValidationError as error:
        # A misspelt key is also a missing one; the misspelling is what helps.
        problems = error.errors()
        if (old := _of_old_schema(problems, where)) is not None:
            raise old from None
        first = min(problems, key=lambda problem: problem["type"] != "extra_forbidden")
        key = _key(first["loc"]) or "protocol"
        problem = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise ProtocolError(f"Protocol {where}: {key}: {problem}.", hint) from None
    try:
        from_json(protocol.model_dump_json())  # as it travels to a worker
    except ValueError as error:
        hint = "Use text, numbers, true, false, null, and lists and mappings of them."
        raise ProtocolError(f"Protocol {where}: params cannot be written as JSON: {error}.", hint) from None
    return protocol
