import multiprocessing
import os

import pytest

from collapsebench.core.errors import StoreError
from collapsebench.loop.executors.executor import Options, Silent
from collapsebench.loop.executors.local import Here, Local
from collapsebench.loop.runner import finished
from collapsebench.loop.store import Store


class Heard:
    """Progress that remembers what it was told."""

    def __init__(self):
        self.generations, self.cells, self.starts = [], [], 0

    def started(self):
        assert not self.cells
        self.starts += 1

    def generation(self, cell, t):
        self.generations.append((cell.method.name, t))

    def finished(self, cell, result):
        self.cells.append((cell.method.name, result.cell.status))


class Interrupting(Silent):
    """Progress during which the user presses Ctrl-C, in the second generation of `replace`."""

    def generation(self, cell, t):
        if (cell.method.name, t) == ("replace", 1):
            raise KeyboardInterrupt


def by_name(results):
    return {result.cell.method.name: result for result in results}


def test_cells_run_here_one_after_the_other(make_cell, tmp_path):
    heard = Heard()
    cells = [make_cell("replace", generations=1), make_cell("toy_fail", at=1), make_cell("toy_picky")]

    results = list(Here().run(cells, Options(tmp_path), heard))

    assert [result.cell.status for result in results] == ["done", "failed", "unsupported"]
    assert heard.starts == 1
    assert heard.generations == [("replace", 0), ("replace", 1), ("toy_fail", 0)]
    assert heard.cells == [("replace", "done"), ("toy_fail", "failed"), ("toy_picky", "unsupported")]


def test_a_pool_gives_the_same_results_and_outlives_a_worker_that_dies(make_cell, tmp_path):
    heard = Heard()
    cells = [
        make_cell("toy_blend", "toy_sgd"),
        make_cell("toy_die"),
        make_cell("toy_fail", at=1),
        make_cell("accumulate"),
    ]

    pool = by_name(Local(2).run(cells, Options(tmp_path / "pool"), heard))

    here = by_name(Here().run([cells[0], *cells[2:]], Options(tmp_path / "here"), Silent()))
    assert set(pool) == {*here, "toy_die"}
    assert all(pool[name].same_result(here[name]) for name in here)
    assert pool["toy_die"].cell.status == "failed"
    died = "Method 'toy_die' ended its process by SIGKILL"  # that of the arm; test_ends.py ends workers
    assert pool["toy_die"].cell.reason.startswith(f"toy_die on toy/preserve, seed 0, generation 1: {died}")
    (failure,) = (tmp_path / "pool" / "cells" / "toy" / "toy_die").rglob("failure.txt")
    assert died in failure.read_text()
    assert sorted(heard.cells) == sorted((name, result.cell.status) for name, result in pool.items())
    assert [t for method, t in heard.generations if method == "toy_blend"] == [0, 1, 2, 3]
    assert not multiprocessing.active_children()


def test_a_worker_that_died_idle_is_replaced_and_an_interrupted_pool_ends_its_workers(make_cell, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")  # workers get one thread whatever this process has
    first, second = make_cell("frozen"), make_cell("replace", "toy_sgd", generations=50)
    store = Store(tmp_path / "store")

    running = Local(1).run([first, second], Options(store.root), Interrupting())
    assert next(running).cell.status == "done"
    (worker,) = multiprocessing.active_children()
    worker.kill()
    worker.join()
    with pytest.raises(KeyboardInterrupt):
        next(running)

    assert not multiprocessing.active_children()
    assert "OMP_NUM_THREADS" not in os.environ
    assert finished(first, store) is not None
    assert finished(second, store) is None
    (resumed,) = Here().run([second], Options(store.root), Silent())
    assert resumed.same_result(next(Here().run([second], Options(tmp_path / "other"), Silent())))


def test_a_store_that_cannot_be_written_stops_the_whole_run(make_cell, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    options, cells = Options(tmp_path / "file" / "store"), [make_cell("replace"), make_cell("frozen")]
    for run in (lambda: Local(1).run(cells, options, Silent()), lambda: Here().run(cells, options, Silent())):
        with pytest.raises(StoreError, match="Cannot"):
            list(run())
    assert not multiprocessing.active_children()


def test_nothing_to_run_starts_nothing(tmp_path):
    assert list(Local(4).run([], Options(tmp_path), Silent())) == []
    assert not multiprocessing.active_children()
