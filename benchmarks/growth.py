"""What grows with a board, and how: CPU seconds, memory, bytes and files over the number of cells and of entries.

Cells: `run` of many parameters of `real_mix` and many seeds of `gaussian/preserve`, planned (`--dry-run`, nothing is
trained) and asked for once more when all of them are finished. Real are the commands and fifteen trained cells, one
of every kind and seed of the protocol; the other cells of the store are written as the store writes them, with the
numbers of these.

Entries: boards of two tasks in eight worlds, three seeds. Real are the records of references and of one entry of the
committed `quick` board; the other entries are that one under other names, with losses moved at random, so that all of
them are ranked. The page is opened in Chromium where there is one: seconds from the start of the navigation to the
end of loading and to the first frame after it, with the table in it.

The last column of a row is the exponent of its last tenfold step: 1 is linear, less is a constant that still shows.
Exits with 1 where it is above `MOST`.

    python benchmarks/growth.py [--cells 100,1000,10000,100000] [--entries 10,100,1000]
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from cells import cell

from collapsebench.core.records import CellResult, write_results
from collapsebench.loop.cell import Cell
from collapsebench.loop.plan import enumerate_cells
from collapsebench.loop.plugins import make_method
from collapsebench.loop.protocol import load_protocol
from collapsebench.loop.runner import run_cell
from collapsebench.loop.store import Store
from collapsebench.results.reader import read_results

MOST = 1.15
"""Of an exponent: ten times as much may cost 10 ** 1.15 = 14 times as much. Sorting 100,000 things instead of 10,000
costs 12.5 times, CPU time is noisy by some percent; a part that is quadratic shows as soon as it is a third."""

RECORDS = Path(__file__).parents[1] / "leaderboards" / "quick" / "records"
TASKS, COPIED = ("gaussian", "arithmetic"), "accumulate_subsample"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

Measures = dict[str, float]


class Plan(NamedTuple):
    """A run of so many cells: those of `references` beside each seed, and one for each parameter and seed."""

    parameters: int
    seeds: int

    @classmethod
    def of(cls, cells: int, references: int = 5) -> Plan:
        """First more parameters, then more seeds, then both."""
        seeds = 10 if cells < 10_000 else 100
        return cls(cells // seeds - references, seeds)

    @property
    def labels(self) -> list[str]:
        """Of the methods."""
        return [f"real_mix(alpha={(i + 1) / (self.parameters + 1):.6f})" for i in range(self.parameters)]


ONCE = (
    "import os, subprocess, sys; one = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL); "
    "_, status, used = os.wait4(one.pid, 0); print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024); "
    "sys.exit(os.waitstatus_to_exitcode(status))"
)
"""Runs a command from a small process: a peak of memory begins at that of the process that forks."""


def collapsebench(*arguments: str) -> Measures:
    """CPU seconds and peak memory (MiB) of a command, which must succeed."""
    command = [sys.executable, "-c", ONCE, sys.executable, "-m", "collapsebench", *arguments]
    seconds, mebibytes = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return {"s": float(seconds), "MiB": float(mebibytes)}


def under(folder: Path) -> tuple[int, int]:
    """Files below a folder, and their bytes."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


# -- cells ---------------------------------------------------------------------------------------------


def of_cells(count: int, folder: Path) -> Measures:
    """What a run of so many cells costs before it trains anything, and when all is there."""
    plan, store = Plan.of(count), folder / "store"
    methods = [option for label in plan.labels for option in ("--method", label)]
    setting = ("--task", "gaussian", "--world", "preserve", "--seeds", str(plan.seeds), "--own-references")
    command = ("run", *methods, *setting, "--store", str(store), "--boards", str(folder / "boards"))
    planned = collapsebench(*command, "--dry-run")
    fill(Store(store), plan)
    files, size = under(store)
    again = collapsebench(*command)
    if under(store) != (files, size):
        raise SystemExit("The second call ran cells that were finished.")
    return {
        **{f"planning, {unit}": value for unit, value in planned.items()},
        **{f"a second call, {unit}": value for unit, value in again.items()},
        "store, files": files,
        "store, bytes": size,
    }


def fill(store: Store, plan: Plan) -> None:
    """Finish the cells of a plan: train those that are unlike all before them, give the others the same numbers."""
    rules = load_protocol("quick")
    alphas = (label.partition("=")[2].rstrip(")") for label in plan.labels)
    methods = [make_method("real_mix", {"alpha": float(alpha)}) for alpha in alphas]
    trained: dict[tuple[str, str, int], CellResult] = {}
    for one in enumerate_cells(rules, methods, ["gaussian"], plan.seeds, worlds=["preserve"]):
        kind = (one.method.name, one.world_name, one.seed % rules.seeds)
        if kind not in trained:
            trained[kind] = train(one, store)
            continue
        known, folder = trained[kind], store.cell(one.task.name, one.method.name, one.seed, one.storage_digest)
        done = one.record("done").changed(environment=known.cell.environment, parameters=known.cell.parameters)
        folder.start(done, asdict(one.spec))
        folder.finish(done, list(known.generations))


def train(one: Cell, store: Store) -> CellResult:
    """Run a cell to its end."""
    result = run_cell(one, store)
    if result.cell.status != "done":
        raise SystemExit(result.cell.reason)
    return result


def of_trained_cell() -> str:
    """What the store keeps of a cell whose model is trained by steps."""
    with tempfile.TemporaryDirectory() as folder:
        train(cell(load_protocol("quick"), "arithmetic", "replace", 0), Store(Path(folder)))
        files, size = under(Path(folder))
    return f"one trained cell (arithmetic, replace) in the store: {files} files, {size:,} bytes"


# -- entries -------------------------------------------------------------------------------------------


def of_entries(count: int, folder: Path) -> Measures:
    """What the pages of a board of so many entries cost, and its page in a browser."""
    records, page = folder / "quick" / "records", folder / "page.html"
    records.mkdir(parents=True)
    write_board(records, count)
    markdown = collapsebench("leaderboard", "--boards", str(folder))
    html = collapsebench("leaderboard", "--html", str(page), "--boards", str(folder))
    return {
        "records, bytes": under(records)[1],
        **{f"leaderboard, {unit}": value for unit, value in markdown.items()},
        "leaderboard, bytes": sum(path.stat().st_size for path in records.parent.glob("*.md")),
        **{f"leaderboard --html, {unit}": value for unit, value in html.items()},
        "leaderboard --html, bytes": page.stat().st_size,
        **{f"browser, s to {what}": value for what, value in opened(page).items()},
    }


def write_board(records: Path, count: int) -> None:
    """The records of a board: every reference as committed, and so many entries like one that is committed."""
    for path in RECORDS.glob("*.jsonl"):
        found = [result for result in read_results(path) if result.cell.task.name in TASKS]
        if found[0].cell.method.reference:
            (records / path.name).write_text(write_results(found), encoding="utf-8")
        if path.stem == COPIED:
            for place in range(count):
                name = f"entry_{place:04}"
                (records / f"{name}.jsonl").write_text(write_results(renamed(found, name)), encoding="utf-8")


def renamed(results: Sequence[CellResult], name: str) -> Iterator[CellResult]:
    """The cells of an entry as those of another method: better or worse by a factor, and by some noise in each cell."""
    draw = random.Random(name)
    skill = draw.gauss(0, 0.15)
    for result in results:
        primary = result.cell.task.primary
        factor = math.exp(skill + draw.gauss(0, 0.03))
        generations = (
            g.changed(metrics={**g.metrics, primary: g.metrics[primary] * factor}) if g.t else g
            for g in result.generations
        )
        method = result.cell.method.changed(name=name, label=name, title=f"Entry {name}")
        yield replace(result, cell=result.cell.changed(method=method), generations=tuple(generations))


def opened(page: Path) -> Measures:
    """Seconds until a browser has loaded a page, and until it has painted it; the least of three visits."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        return {}
    from playwright.sync_api import sync_playwright

    watch = (
        "addEventListener('load', () => requestAnimationFrame(() => requestAnimationFrame("
        "() => { window.painted = performance.now(); })));"
    )
    visits = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--headless", "--no-sandbox"])
        for _ in range(3):
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tab.set_default_timeout(600_000)
            tab.add_init_script(watch)
            tab.goto(page.as_uri())
            tab.wait_for_function("window.painted && document.querySelector('table.scores')")
            visits.append(tab.evaluate("[performance.getEntriesByType('navigation')[0].loadEventEnd, painted]"))
            tab.close()
        browser.close()
    loaded, painted = min(visits, key=lambda visit: visit[1])
    return {"load": loaded / 1000, "first frame": painted / 1000}


# -- the table -----------------------------------------------------------------------------------------


def measure(what: str, sizes: Sequence[int], of: Callable[[int, Path], Measures]) -> list[str]:
    """Measure every size and print the table; names and exponents of what grows too fast."""
    columns = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            columns.append(of(size, Path(folder)))
            print(f"{size} {what}: {columns[-1]}", file=sys.stderr, flush=True)
    print(f"{what:32}" + "".join(f"{size:>14,}" for size in sizes) + "    exponents")
    faults = []
    for name in columns[0]:
        values = [column[name] for column in columns]
        steps = [
            math.log(after / before) / math.log(large / small)
            for before, after, small, large in zip(values, values[1:], sizes, sizes[1:], strict=False)
        ]
        shown = "".join(f"{value:>14,.{2 if value < 1000 else 0}f}" for value in values)
        print(f"{name:32}{shown}    {'  '.join(f'{step:.2f}' for step in steps)}", flush=True)
        if steps and steps[-1] > MOST:
            faults.append(f"{name}: exponent {steps[-1]:.2f}")
    return faults


def sizes_of(text: str) -> list[int]:
    """`10,100`."""
    return [int(size) for size in text.split(",") if size]


def main() -> None:
    """Both tables; 1 where something grows faster than linearly."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", type=sizes_of, default=[100, 1000, 10_000, 100_000])
    parser.add_argument("--entries", type=sizes_of, default=[10, 100, 1000])
    chosen = parser.parse_args()
    if chosen.cells:
        print(of_trained_cell(), flush=True)
    faults = [
        *(measure("cells", chosen.cells, of_cells) if chosen.cells else []),
        *(measure("entries", chosen.entries, of_entries) if chosen.entries else []),
    ]
    if faults:
        raise SystemExit(f"Faster than linear (at most {MOST}): {'; '.join(faults)}.")


if __name__ == "__main__":
    main()
