"""SLURM: cells as jobs of a batch system, through submitit. Small cells share a job, as a process imports for seconds.

The store tells what is finished and how far a running cell is; a job's own answer tells which cells failed. The queue
is asked for states alone, in one call for all jobs of a run, which bear one name: that name finds and cancels also a
job whose submission was cut short. A job that ends before its cells do (cancelled, preempted, out of time, its node
lost) leaves them to another job.
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from pydantic import Field, ValidationError
from submitit import SlurmExecutor
from submitit.core.utils import FailedJobError
from typing_extensions import override

from ...core.errors import CollapsebenchError, ExecutorError, UsageError
from ...core.records import CellResult
from ..cell import Cell, CellSpec
from ..runner import cell_folder, failed, finished
from ..store import Store
from ..world import Rules
from .executor import Executor, Options, Progress
from .remote import drop_token, read_result, run_remotely, settled, share_token
from .resources import ExecutorConfig, Request, request_of
from .worker import in_gib

T = TypeVar("T")
K = TypeVar("K")

log = logging.getLogger("collapsebench")

_TRIES = 3
"""How often a cell is submitted again after jobs that brought it no further."""

_PAUSE = 2.0
"""Seconds between two looks at the store; longer where a look takes long."""

_ASK = (3.0, 30.0)
"""Seconds between two questions to the queue: after a change, and when nothing has changed for long."""

_PATIENCE = 15.0
"""Seconds that cancelled jobs have to leave the queue, and a command that asks to answer twice."""

_SECONDS = {"closed form": 2.0, "step": 0.05}
"""What a cell is thought to take, for bundles: a closed form, and an optimizer step of a trained one."""

_ENDED = frozenset(
    [
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "LAUNCH_FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "RECONFIG_FAIL",
        "REVOKED",
        "TIMEOUT",
    ]
)

_HOPELESS = (
    ("PartitionTimeLimit|MaxWall|Deadline", "`hours` of the resources"),
    ("Account", "`slurm.account`"),
    ("QOSNotAllowed|InvalidQOS", "`slurm.qos`"),
    ("BadConstraints", "`slurm.constraint`"),
    ("PartitionNodeLimit|PartitionConfig|Max[A-Za-z]*PerJob", "`cpus`, `memory` or `gpus` of the resources"),
)
"""Reasons of a pending job that no waiting changes, and the setting that does."""

_REFUSALS = (
    ("partition", "`slurm.partition`"),
    ("account", "`slurm.account`"),
    ("qos", "`slurm.qos`"),
    ("feature", "`slurm.constraint`"),
    ("time limit", "`hours` of the resources"),
    ("memory", "`memory` of the resources"),
    ("gres|gpu", "`gpus` of the resources"),
    ("configuration|cpu", "`cpus`, `memory` or `gpus` of the resources"),
    ("option", "`slurm.additional`"),
)
"""What sbatch says of a job that it refuses, and the setting that is wrong."""

_AWAY = re.compile("contact slurm controller|timed out|Zero Bytes|Connection refused|temporarily", re.IGNORECASE)
"""What SLURM's commands say while the controller does not answer."""


class Settings(Rules):
    """The section `slurm` of `--executor-config`.

    Args:
        partition, account, qos, constraint: as sbatch takes them; by default the cluster's own.
        python: the command that runs python on a node; by default the path of this one.
        setup: lines of shell before it, such as `module load cuda`.
        additional: further options of sbatch, name -> value, without the dashes.
        workers: cells that run at once in one job, each with resources of its own.
        bundle_minutes: small cells share a job until they are thought to take so long.
        minutes: what a cell of a task takes, by the task's name, in place of a guess.
        max_jobs: most jobs in the queue at a time.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    python: str | None = None
    setup: tuple[str, ...] = ()
    additional: dict[str, str | int | bool] = Field(default_factory=dict)
    workers: int = Field(1, ge=1)
    bundle_minutes: float = Field(5.0, gt=0)
    minutes: dict[str, float] = Field(default_factory=dict)
    max_jobs: int = Field(200, ge=1)


def _settings(config: ExecutorConfig) -> Settings:
    try:
        return Settings.model_validate(config.slurm)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["slurm", *map(str, first["loc"])])
        problem = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise UsageError(
            f"--executor-config: {key}: {problem}.", "docs/clusters.md shows what may stand there."
        ) from None


class Slurm(Executor):
    """Cells as arrays of SLURM jobs.

    Args:
        config: resources, and the section `slurm`.

    Raises:
        UsageError: the section says what it cannot say.
        ExecutorError: there is no SLURM here.
    """

    def __init__(self, config: ExecutorConfig) -> None:
        self._config, self._settings = config, _settings(config)
        if missing := [name for name in ("sbatch", "squeue", "scancel", "srun") if shutil.which(name) is None]:
            raise ExecutorError(
                f"--executor slurm: there is no SLURM on this machine ({', '.join(missing)} not found).",
                "Run the command on a login node of the cluster, or with --executor local.",
            )

    @override
    def run(self, cells: Sequence[Cell], options: Options, progress: Progress) -> Generator[CellResult, None, None]:
        """See `Executor.run`.

        Raises:
            ExecutorError: no SLURM here; a job that it refuses or can never start; nodes without the package or store.
        """
        run = _Run(self._config, self._settings, replace(options, store=options.store.resolve()), progress)
        try:
            yield from run.results(cells)
        finally:
            run.queue.close()


# -- what is to be done ------------------------------------------------------------------------------


@dataclass(eq=False)
class _Open:
    """A cell that is not finished, its generations so far, and how many jobs brought it no further."""

    cell: Cell
    generations: int = 0
    futile: int = 0


@dataclass(eq=False)
class _Bundle:
    """Cells of one job, in the order in which it has them; and the job once it is submitted.

    `open` are those without a result, `gone` is how often the queue was asked since it lost the job.
    """

    cells: list[_Open]
    resources: Request
    job: Any = None
    state: str = "PENDING"
    gone: int = 0
    moved: bool = False

    def __post_init__(self) -> None:
        self.open = list(self.cells)


def seconds_of(cell: Cell, minutes: Mapping[str, float]) -> float:
    """What a cell is thought to take on one worker: as configured by task, else a guess from its optimizer steps."""
    if (configured := minutes.get(cell.task.name)) is not None:
        return 60 * configured
    budget = cell.rules.budget
    if not budget.in_words:
        return _SECONDS["closed form"]
    steps = budget.steps or (budget.epochs or 0) * cell.rules.n / budget.batch
    return _SECONDS["step"] * steps * (cell.world.generations + 1)


def bundled(cells: Sequence[_Open], config: ExecutorConfig, settings: Settings) -> list[_Bundle]:
    """Cells of the same resources together, as many as are thought to fill `bundle_minutes` of a job's workers."""
    room = 60 * settings.bundle_minutes * settings.workers
    bundles: list[_Bundle] = []
    for resources, group in _grouped(cells, lambda one: request_of(one.cell, config)).items():
        filled = math.inf  # the first cell opens a bundle
        for one in group:
            seconds = seconds_of(one.cell, settings.minutes)
            if filled + seconds > room:
                bundles.append(_Bundle([], resources))
                filled = 0.0
            bundles[-1].cells.append(one)
            bundles[-1].open.append(one)
            filled += seconds
    return bundles


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


# -- a run -------------------------------------------------------------------------------------------


class _Run:
    """One call of `Slurm.run`: submit, look at the store, and submit again what a job did not finish."""

    def __init__(self, config: ExecutorConfig, settings: Settings, options: Options, progress: Progress) -> None:
        self.config, self.settings, self.progress = config, settings, progress
        self.store = Store(options.store)
        self.queue = _Queue(settings, options)

    def results(self, cells: Sequence[Cell]) -> Iterator[CellResult]:
        """The result of every cell, as they come."""
        left = []
        for cell in cells:
            if (done := finished(cell, self.store)) is not None:
                yield self._told(cell, done)
            else:
                left.append(_Open(cell))
        waiting, running = deque(bundled(left, self.config, self.settings)), list[_Bundle]()
        took = 0.0
        while waiting or running:
            free = min(len(waiting), self.settings.max_jobs - len(running))
            bundles = [waiting.popleft() for _ in range(free)]
            submitted = self.queue.submit(bundles)
            waiting.extendleft(bundle for bundle in reversed(bundles) if bundle not in submitted)
            running += submitted
            if running:
                self.progress.started()
            time.sleep(max(_PAUSE, 5 * took))
            self.queue.ask(running)
            start = time.monotonic()
            for bundle in list(running):
                yield from self._look(bundle, waiting)
                if bundle.job is None:
                    running.remove(bundle)
            took = time.monotonic() - start

    def _look(self, bundle: _Bundle, waiting: deque[_Bundle]) -> Iterator[CellResult]:
        """Results of a bundle since the last look. When its job is over, what is left waits in other bundles."""
        over = bundle.gone > 1 or bundle.job.paths.result_pickle.exists()  # before the store is read
        if bundle.state == "PENDING" and not over:
            return
        yield from self._stored(bundle)
        if over:
            yield from self._answered(bundle)
            yield from self._given_up(bundle)
            alone = any(one.futile > 1 for one in bundle.open)  # one of them may take the others along
            parts = [[one] for one in bundle.open] if alone else [bundle.open] if bundle.open else []
            waiting.extend(_Bundle(part, bundle.resources) for part in parts)
            bundle.job = None

    def _stored(self, bundle: _Bundle) -> Iterator[CellResult]:
        """Cells that the store has finished; progress of the others."""
        for one in list(bundle.open):
            if (result := finished(one.cell, self.store)) is not None:
                bundle.open.remove(one)
                bundle.moved = True
                yield self._told(one.cell, result)
                continue
            folder = cell_folder(one.cell, self.store)
            known = len(folder.unfinished_records())
            for t in range(one.generations, known):
                self.progress.generation(one.cell, t)
            bundle.moved |= known > one.generations
            one.generations = max(known, one.generations)

    def _answered(self, bundle: _Bundle) -> Iterator[CellResult]:
        """Cells that failed, as the job says. What it says is done is believed to the store alone.

        Raises:
            CollapsebenchError: what stops the whole run.
        """
        if not bundle.job.paths.result_pickle.exists():
            self.queue.explain(bundle)
            return
        cells = {one.cell.place: one for one in bundle.open}
        for text in self.queue.answer(bundle):
            said = read_result(text)
            if (one := cells.get(said.place)) is None:
                continue
            if said.cell.cell != one.cell.digest:
                raise ExecutorError(
                    f"--executor slurm: the node of job {bundle.job.job_id} has other code of this package or of a "
                    f"plug-in: what it ran as {one.cell.name} is another cell than here.",
                    "Install the same version on the nodes, or name it by `slurm.setup` in --executor-config.",
                )
            bundle.open.remove(one)
            yield self._told(one.cell, settled(one.cell, text, self.store))

    def _given_up(self, bundle: _Bundle) -> Iterator[CellResult]:
        """Cells that several jobs brought no further fail."""
        for one in list(bundle.open):
            one.futile = 0 if bundle.moved else one.futile + 1
            if one.futile < _TRIES:
                continue
            bundle.open.remove(one)
            reason = (
                f"{_TRIES} SLURM jobs ended before it did, the last one ({bundle.job.job_id}) as "
                f"{bundle.state}; its log is {bundle.job.paths.stderr}"
            )
            self.queue.keep_logs = True
            yield self._told(one.cell, failed(one.cell, self.store, reason))

    def _told(self, cell: Cell, result: CellResult) -> CellResult:
        self.progress.finished(cell, result)
        return result


# -- the queue ---------------------------------------------------------------------------------------


class _Queue:
    """SLURM, as far as the jobs of one run go. All of them bear one name."""

    def __init__(self, settings: Settings, options: Options) -> None:
        self.settings, self.options = settings, options
        self.name = job_name(options.run or secrets.token_hex(4))
        self.folder = options.store / "slurm" / self.name
        self.token = share_token(options.store)
        self.keep_logs = False
        self.away = False
        self.submitted = False
        self.pause, self.next = _ASK[0], 0.0

    def submit(self, bundles: Sequence[_Bundle]) -> list[_Bundle]:
        """Bundles with their jobs; without those that a controller which does not answer did not take.

        Raises:
            ExecutorError: a job is refused.
        """
        taken: list[_Bundle] = []
        for resources, group in _grouped(bundles, lambda bundle: bundle.resources).items():
            calls = [[one.cell.spec for one in bundle.cells] for bundle in group]
            executor = self._executor(resources)
            try:
                self.submitted = True
                with contextlib.redirect_stderr(io.StringIO()):  # submitit prints what it raises
                    jobs = executor.map_array(partial(_job, self.options, self.settings.workers, self.token), calls)
            except FailedJobError as error:
                if not self._is_away(str(error)):
                    raise self._refused(str(error), resources) from None
                continue
            for bundle, job in zip(group, jobs, strict=True):
                bundle.job = job
            taken += group
            self._changed()
        return taken

    def ask(self, bundles: Sequence[_Bundle]) -> None:
        """Bring states up to date, if it is time; one call for all jobs.

        Raises:
            ExecutorError: a job can never start.
        """
        if not bundles or time.monotonic() < self.next:
            return
        self.pause = min(1.5 * self.pause, _ASK[1])
        self.next = time.monotonic() + self.pause
        if (jobs := self._states()) is None:
            return
        self.folder.chmod(self.folder.stat().st_mode)  # a network file system looks again for new files
        for bundle in bundles:
            state, reason = jobs.get(bundle.job.job_id, ("gone from the queue", ""))
            if state != bundle.state:
                bundle.state = state
                self._changed()
            bundle.gone += state in _ENDED or bundle.job.job_id not in jobs
            for pattern, setting in _HOPELESS if state == "PENDING" else ():
                if re.search(pattern, reason):
                    raise ExecutorError(
                        f"--executor slurm: job {bundle.job.job_id} ({self._asked(bundle.resources)}) can never start: "
                        f"{reason}.",
                        f"Change {setting} in --executor-config.",
                    )

    def answer(self, bundle: _Bundle) -> list[str]:
        """What a job gave back.

        Raises:
            CollapsebenchError: what stopped it.
        """
        try:
            answer: list[str] | CollapsebenchError = bundle.job.result()
        except FailedJobError as error:
            if found := re.search(r"^(ImportError|ModuleNotFoundError): .*", str(error), re.MULTILINE):
                raise self._no_package(bundle, found[0]) from None
            raise RuntimeError(f"SLURM job {bundle.job.job_id} failed.\n{error}") from None
        if isinstance(answer, CollapsebenchError):
            raise answer
        return answer

    def explain(self, bundle: _Bundle) -> None:
        """Look why a job ended without an answer.

        Raises:
            ExecutorError: its node has no such python, or does not see the store.
        """
        if bundle.state != "FAILED":
            return
        try:
            said = bundle.job.paths.stderr.read_text(errors="replace")
        except FileNotFoundError:
            raise ExecutorError(
                f"--executor slurm: job {bundle.job.job_id} failed and left no log in {self.folder}: its node does not "
                "share the store.",
                "Pass a --store on a file system that all nodes mount.",
            ) from None
        if found := re.search(r".*(No module named|No such file|not found).*", said):
            raise self._no_package(bundle, found[0].strip())

    def close(self) -> None:
        """Leave nothing in the queue, also of a submission that was cut short; logs only where a job went wrong."""
        drop_token(self.options.store, self.token)
        if self.submitted and cancel_jobs(self.name) and not self.keep_logs and sys.exc_info()[0] is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _states(self) -> dict[str, tuple[str, str]] | None:
        """What `_jobs` says; None while SLURM does not answer, which is said once."""
        jobs = _jobs(self.name)
        if isinstance(jobs, str):
            self._is_away(jobs)
            return None
        self.away = False
        return jobs

    def _changed(self) -> None:
        self.pause = _ASK[0]
        self.next = time.monotonic() + self.pause

    def _is_away(self, said: str) -> bool:
        """Whether the controller does not answer, which is said once."""
        if not _AWAY.search(said):
            return False
        if not self.away:
            log.warning("SLURM does not answer (%s); waiting for it.", said.strip().splitlines()[-1])
        self.away = True
        return True

    def _executor(self, resources: Request) -> Any:
        """Submitit's executor for jobs of these resources."""
        slurm = self.settings
        executor = SlurmExecutor(self.folder, python=slurm.python)
        executor.update_parameters(
            job_name=self.name,
            cpus_per_task=resources.cpus * slurm.workers,
            mem=f"{math.ceil(resources.memory * slurm.workers / 2**20)}M",
            gres=f"gpu:{math.ceil(resources.gpus * slurm.workers)}" if resources.gpus else None,
            time=math.ceil(60 * resources.hours + slurm.bundle_minutes),
            setup=list(slurm.setup),
            additional_parameters={"no-requeue": True, **slurm.additional},
            use_srun=False,  # the job is one process, which sees all of its CPUs
            **{name: getattr(slurm, name) for name in ("partition", "account", "qos", "constraint")},
        )
        return executor

    def _asked(self, resources: Request) -> str:
        """A job of these resources in words."""
        sizes = {"partition": self.settings.partition, **resources._asdict(), "memory": in_gib(resources.memory)}
        asked = ", ".join(f"{name} {value}" for name, value in sizes.items() if value)
        return f"{asked}; workers {self.settings.workers}"

    def _refused(self, said: str, resources: Request) -> ExecutorError:
        """The error for a job that sbatch does not take."""
        reason = said.strip().splitlines()[-1].removeprefix("sbatch: error: ") if said.strip() else "no reason given"
        setting = next((setting for pattern, setting in _REFUSALS if re.search(pattern, said, re.IGNORECASE)), "")
        return ExecutorError(
            f"--executor slurm: SLURM refuses a job ({self._asked(resources)}): {reason}.",
            f"Change {setting or 'the section `slurm`'} in --executor-config.",
        )

    def _no_package(self, bundle: _Bundle, said: str) -> ExecutorError:
        """The error for a node whose python cannot run a cell."""
        return ExecutorError(
            f"--executor slurm: python on the node of job {bundle.job.job_id} cannot import collapsebench: {said}.",
            "Install the package where all nodes see it, or name a python by `slurm.python` or `slurm.setup` in "
            "--executor-config.",
        )


def job_name(run: str) -> str:
    """The name that all jobs of a run bear."""
    return f"collapsebench-{run}"


def cancel_jobs(name: str) -> bool:
    """End the jobs of a name, and wait until the queue has none; False, and a warning, where that takes too long."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        _called("scancel", f"--name={name}")
        jobs = _jobs(name)
        if not isinstance(jobs, str) and not [id for id, (state, _) in jobs.items() if state not in _ENDED]:
            return True
        time.sleep(0.5)
    log.warning("SLURM still has jobs of this run: scancel --name=%s ends them.", name)
    return False


def _jobs(name: str) -> dict[str, tuple[str, str]] | str:
    """Job id -> state and reason of all jobs of a name that SLURM remembers; or what it says in place of an answer."""
    called = _called("squeue", "--noheader", "--array", "--states=all", f"--name={name}", "--format=%i|%T|%r")
    if called.returncode:
        return called.stderr
    lines = (line.split("|", 2) for line in called.stdout.splitlines())
    return {id: (state, reason) for id, state, reason in lines}


def _called(*command: str) -> subprocess.CompletedProcess[str]:
    """A command of SLURM's, which may take as long as it waits for the controller."""
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def _job(options: Options, workers: int, token: str, specs: Sequence[CellSpec]) -> list[str] | CollapsebenchError:
    """What a job does: its cells, and their results as `run_remotely` gives them; or what stops the whole run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # submitit would ignore it
    try:
        return run_remotely(specs, options, token, workers)
    except CollapsebenchError as error:
        return error
