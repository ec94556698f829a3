"""The crash campaign: processes killed, files damaged, disks that fail, four runs on one store; records stay the same.

`python benchmarks/crashes.py` starts runs of one small protocol (closed forms, language models of a few numbers) and
compares the records on their boards with those of an uninterrupted run, timings and environment aside:

- kill: SIGKILL of a worker, of the parent, of its process group or of all processes, at random moments of a run by two
  workers; then the same command again, until it ends.
- damage: a file of a finished or half-finished store, or of its board, is cut, emptied, changed by a bit, unreadable,
  a folder, a broken link, or that of another cell; then the same command.
- disk: one file operation of a run fails, or all from there on; then the same command on a disk that works.
- together: four commands on one store, two of them killed.

A trial is `wrong` when records differ, when a run neither ends well nor says in one line what is wrong, when a process
outlives its parent, a lock outlives its lease, or a cell runs to its end twice. Exits 1 if any is.
Where root runs it, damaged stores are read as nobody, since root may read every file.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml
from crash_runs import DAMAGES, FAULTS, Disk, Run, as_nobody, import_modules, write_modules

from collapsebench.core import files
from collapsebench.core.records import canonical
from collapsebench.results.reader import read_results

PROTOCOL = {
    "name": "crashes",
    "version": 1,
    "description": "Small cells to kill.",
    "generations": 2,
    "seeds": 1,
    "tasks": {
        "gaussian": {"n": 8, "worlds": {"preserve": {}, "purify": {}}},
        "categorical": {"n": 8, "worlds": {"preserve": {}}},
        "arithmetic": {
            "n": 16,
            "worlds": {"preserve": {}},
            "budget": {"steps": 4, "batch": 4},
            "params": {"max_operand": 3, "heldout": 4, "width": 8, "heads": 2},
        },
    },
}

PATIENCE = 300.0
"""Seconds after which a run counts as hanging: more than a lease and a run on a busy machine."""

OUTLIVING = 20.0
"""Seconds that a process of a killed run has to end: a worker notices when its imports are done."""

SHORT_LEASE = 3.0
"""Seconds of a lease where no spawned worker has to know of it."""


@dataclass
class Row:
    """What became of the trials of one kind."""

    tried: int = 0
    repaired: int = 0
    said: int = 0
    wrong: int = 0
    seconds: float = 0.0


class Wrong(Exception):
    """What must not be."""


class Campaign:
    """All trials; what they share.

    Args:
        root: folder of all of them.
        seed: of every random choice.
        verbose: print what runs say.
    """

    def __init__(self, root: Path, seed: int, verbose: bool) -> None:
        self.root, self.seed, self.verbose = root, seed, verbose
        self.rows: dict[str, Row] = defaultdict(Row)
        self.survived = 0.0
        self.protocol = root / "crashes.yaml"
        self.protocol.write_text(yaml.safe_dump(PROTOCOL))
        modules = root / "modules"
        whole = Run(root / "whole", self.protocol, 0, after=lambda: write_modules(modules))
        assert whole.wait(PATIENCE) and whole.code == 0, whole.said
        self.expected = records(root / "whole")
        import_modules(modules)

    def trial(self, kind: str, number: int, attempt: Callable[[Path, random.Random], str]) -> None:
        """One trial in its own folder, which stays where it went wrong."""
        folder = self.root / f"{kind.replace(' ', '-').replace('/', '-')}-{number}"
        began, row = time.monotonic(), self.rows[kind]
        try:
            outcome = attempt(folder, random.Random(f"{self.seed} {kind} {number}"))
            setattr(row, outcome, getattr(row, outcome) + 1)
            shutil.rmtree(folder, ignore_errors=True)
        except Wrong as wrong:
            row.wrong += 1
            print(f"WRONG {kind} {number}: {wrong} ({folder})", flush=True)
        row.tried += 1
        row.seconds += time.monotonic() - began

    def ended(self, run: Run, note: str = "") -> str:
        """How a run ended: `repaired` with the expected records, or `said` in one line what is wrong."""
        if not run.wait(PATIENCE):
            raise Wrong(f"{note}: no end after {PATIENCE:g} s")
        if "Traceback" in run.said or run.code is None or run.code < 0 or run.code > 4:
            raise Wrong(f"{note}: exit code {run.code}, {tail(run)}")
        if run.code:
            lines = [line for line in run.said.splitlines() if line.startswith("Error: ")]
            if len(lines) != 1:
                raise Wrong(f"{note}: exit code {run.code}, {len(lines)} lines of error, {tail(run)}")
            if self.verbose:
                print(f"said: {note}: {lines[0]}", flush=True)
            return "said"
        self.compare(run.output.parent, note)
        return "repaired"

    def compare(self, folder: Path, note: str = "") -> None:
        found = records(folder)
        differ = [place for place in {*self.expected, *found} if self.expected.get(place) != found.get(place)]
        if differ:
            raise Wrong(f"{note}: records of {len(differ)} cells differ, such as {sorted(differ)[0]}")

    # -- kills -------------------------------------------------------------------------------------

    def kills(self, kills: int) -> None:
        """Chains of kills of one run, each chain to its end; a worker's death does not end the run."""
        done, chain = 0, 0
        while done < kills:
            rng = random.Random(f"{self.seed} chain {chain}")
            folder, began, made = self.root / f"kills-{chain}", time.monotonic(), []
            try:
                self._chain(folder, rng, min(kills - done, rng.randint(1, 9)), made)
                shutil.rmtree(folder)
                wrong = False
            except Wrong as reason:
                wrong = True
                print(f"WRONG chain {chain} after {made}: {reason} ({folder})", flush=True)
            made = made or ["nothing"] * wrong
            for number, target in enumerate(made, start=1):
                row, last = self.rows[f"kill {target}"], number == len(made)
                row.tried += 1
                row.repaired += not (wrong and last)
                row.wrong += wrong and last
                row.seconds += (time.monotonic() - began) / len(made)
            done, chain = done + max(len(made), 1), chain + 1

    def _chain(self, folder: Path, rng: random.Random, length: int, made: list[str]) -> None:
        run = Run(folder, self.protocol, 2)
        while len(made) < length:
            self._moment(run, rng)
            if run.over():
                break
            target = rng.choice(("worker", "worker", "parent", "group", "all"))
            lasted = run.kill(target, rng)
            made.append(target)
            self.survived = max(self.survived, lasted)
            if lasted > OUTLIVING:
                raise Wrong(f"a process outlived its {target} by {lasted:.0f} s")
            if target != "worker":
                run = Run(folder, self.protocol, 2)
        if not run.wait(PATIENCE):
            raise Wrong(f"no end after {PATIENCE:g} s")
        if run.code:  # a cell whose worker was killed twice fails, and the same command tries it again
            if "its worker process ended by SIGKILL" not in run.said:
                raise Wrong(f"exit code {run.code}, {tail(run)}")
            run = Run(folder, self.protocol, 2)
        if self.ended(run, "after kills") != "repaired":
            raise Wrong(tail(run))

    def _moment(self, run: Run, rng: random.Random) -> None:
        """Wait for a random time, or until the store has a random number of files more."""
        deadline = run.began + run.seconds + rng.uniform(0.0, 15.0)
        store = run.output.parent / "store"
        if rng.random() < 2 / 3:
            target, deadline = count(store) + rng.randint(1, 40), time.monotonic() + 60
            while not run.over() and count(store) < target and time.monotonic() < deadline:
                time.sleep(0.01)
            deadline = time.monotonic() + rng.uniform(0.0, 0.03)
        while not run.over() and time.monotonic() < deadline:
            time.sleep(0.005)

    # -- damages -----------------------------------------------------------------------------------

    def damages(self, damages: int) -> None:
        """Damage a file of one of some stores; then the same command."""
        stores = [self.root / "whole", *(self._unfinished(number) for number in range(4))] if damages else []
        for number in range(damages):
            damage = DAMAGES[number % len(DAMAGES)]
            source = stores[0] if number % 3 == 0 else stores[1 + number // 3 % 4]

            def attempt(folder: Path, rng: random.Random, damage=damage, source=source) -> str:
                shutil.copytree(source, folder, symlinks=True)
                path = any_file(folder, rng)
                become = as_nobody(folder)
                damage(path, rng)
                note = f"{path.relative_to(folder)} {damage.__name__}"
                return self.ended(Run(folder, self.protocol, 0, lambda: (short_lease(), become())), note)

            self.trial(f"damage {damage.__name__}", number, attempt)

    def _unfinished(self, number: int) -> Path:
        """A store whose run was killed, and then again and again, just before it wrote that something was finished."""
        folder, rng = self.root / f"unfinished-{number}", random.Random(f"{self.seed} unfinished {number}")
        run = Run(folder, self.protocol, 0, short_lease)
        target = rng.randint(20, 180)
        while not run.over() and count(folder / "store") < target:
            time.sleep(0.005)
        run.kill("all", rng)
        for name in ("DONE", "curate/*.json", "fit/*.json", "evaluate/*.json"):  # what lies before them is read again
            for path in sorted((folder / "store").rglob(name)):
                if rng.random() < 0.5:
                    path.unlink()
        return folder

    # -- faults of the disk ------------------------------------------------------------------------

    def disk(self, faults: int) -> None:
        """Let a file operation fail; then the same command on a disk that works."""
        operations = self._operations() if faults else 0
        for number in range(faults):
            error = FAULTS[number % len(FAULTS)]

            def attempt(folder: Path, rng: random.Random, number=number, error=error) -> str:
                first = operations * 9 // 10 if number % 2 else 1  # the board, which has no checksums, is written last
                disk = Disk(folder, rng.randint(first, operations), error, lasting=rng.random() < 0.5)
                run = Run(folder, self.protocol, 0, lambda: (short_lease(), disk.install()))
                note = f"operation {disk.n} {os.strerror(error)}, {'lasting' if disk.lasting else 'once'}"
                outcome = self.ended(run, note)
                if self.ended(Run(folder, self.protocol, 0, short_lease), f"{note}, then again") != "repaired":
                    raise Wrong(f"{note}: the same command does not end well on a disk that works")
                return outcome

            self.trial(f"disk {os.strerror(error)}", number, attempt)

    def _operations(self) -> int:
        folder = self.root / "counted"
        disk, found = Disk(folder), self.root / "operations"
        run = Run(folder, self.protocol, 0, disk.install, lambda: found.write_text(str(disk.count)))
        assert run.wait(PATIENCE) and run.code == 0, run.said
        return int(found.read_text())

    # -- together ----------------------------------------------------------------------------------

    def together(self, times: int) -> None:
        """Four commands on one store; two are killed, the others end well, and no cell is written twice."""
        for number in range(times):
            self.trial("together", number, self._four)

    def _four(self, folder: Path, rng: random.Random) -> str:
        runs = [Run(folder, self.protocol, 1) for _ in range(4)]
        written: dict[Path, tuple[int, int]] = {}
        moments = sorted(rng.randint(1, 22) for _ in range(2))
        victims = rng.sample(runs, 2)
        deadline = time.monotonic() + 2 * PATIENCE
        while not all(run.over() for run in runs) and time.monotonic() < deadline:
            for path in (folder / "store").glob("cells/*/*/*/DONE"):
                found = path.stat()
                if written.setdefault(path, (found.st_ino, found.st_mtime_ns)) != (found.st_ino, found.st_mtime_ns):
                    raise Wrong(f"{path.parent} ran to its end twice")
            if moments and len(written) >= moments[0]:
                moments.pop(0)
                self.survived = max(self.survived, victims.pop().kill("parent", rng))
            time.sleep(0.01)
        lived = [run for run in runs if run.code != -9]
        if len(lived) != 2:
            raise Wrong(f"exit codes {[run.code for run in runs]}")
        return "repaired" if {self.ended(run, "together") for run in lived} == {"repaired"} else "said"


def records(folder: Path) -> dict[tuple[str, str, str, int], str]:
    """What the boards of a folder hold, in the form that two runs must agree in."""
    found = [result for path in folder.glob("boards/*/records/*.jsonl") for result in read_results(path)]
    return {result.place: canonical(result) for result in found}


def any_file(folder: Path, rng: random.Random) -> Path:
    """A file of the store or the boards: first its kind is drawn, then one of them."""
    kinds: dict[str, list[Path]] = defaultdict(list)
    named = {"stages/*/*": "{0.parent.name}{0.suffix}", "cells/*/*/*/*": "{0.name}", "crashes/**/*": "{0.suffix}"}
    for pattern, kind in named.items():
        for path in sorted(folder.glob(f"*/{pattern}")):
            if path.is_file():
                kinds[kind.format(path)].append(path)
    return rng.choice(kinds[rng.choice(sorted(kinds))])


def count(folder: Path) -> int:
    """Files below a folder."""
    return sum(len(names) for _, _, names in os.walk(folder))


def short_lease() -> None:
    files.LEASE = SHORT_LEASE


def tail(run: Run) -> str:
    return " | ".join(run.said.splitlines()[-3:])


def main() -> int:
    """Run the campaign and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, size in (("kills", 100), ("damages", 100), ("disk", 40), ("together", 3), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--verbose", action="store_true", help="print what runs say that end with an error")
    options = parser.parse_args()
    began = time.monotonic()
    root = Path(tempfile.mkdtemp(prefix="crashes-"))
    root.chmod(0o755)
    for variable in (files.CACHE_VARIABLE, "MPLCONFIGDIR", "TMPDIR"):
        folder = root / variable.lower()
        folder.mkdir()
        folder.chmod(0o777)
        os.environ[variable] = str(folder)
    campaign = Campaign(root, options.seed, options.verbose)
    campaign.damages(options.damages)
    campaign.disk(options.disk)
    campaign.together(options.together)
    campaign.kills(options.kills)
    heads = ("tried", "resumed or repaired", "said in one line", "wrong", "seconds")
    print(f"{'':32s}", *heads, sep="  ")
    for kind, row in campaign.rows.items():
        values = (row.tried, row.repaired, row.said, row.wrong, round(row.seconds))
        print(f"{kind:32s}", *(str(v).rjust(len(head)) for v, head in zip(values, heads, strict=True)), sep="  ")
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{spent.ru_utime + spent.ru_stime:.0f} s of CPU in {time.monotonic() - began:.0f} s")
    print(f"The longest that a process outlived its parent: {campaign.survived:.1f} s")
    wrong = sum(row.wrong for row in campaign.rows.values())
    if not wrong:
        shutil.rmtree(root, ignore_errors=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
