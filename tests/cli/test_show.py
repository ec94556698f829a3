from pathlib import Path

import pytest


@pytest.fixture
def shown(cli, run_toys):
    """`shown("toy/replace/0", ...)` after a run of some methods."""
    cli(*run_toys, "--method", "toy_blend,toy_fail", "--seeds", "1")
    return lambda *words: cli("show", *words, "--store", "store")


def test_a_cell_is_shown_by_generation(shown):
    out = shown("toy/toy_blend/0").out
    assert out.startswith("toy_blend on toy, seed 0: done")
    for word in ("t=0", "t=2", "real share", "log pool_mean", "synthetic examples", "error"):
        assert word in out


@pytest.mark.parametrize("task", ["toy", "toy_sgd"])
def test_samples_show_the_data_of_every_generation(shown, task):
    out = shown(f"{task}/toy_blend/0", "--samples").out
    assert "t=0: 4 rows, 100% real" in out
    assert "t=2: 4 rows" in out
    assert out.count("    x=[") == 3 * 4


def test_a_failed_cell_shows_its_traceback(shown):
    out = shown("toy/toy_fail/0").out
    assert "RuntimeError: boom" in out
    assert "Traceback" in out


def test_part_of_a_path_is_enough(shown):
    (path,) = Path("store/cells/toy/replace").iterdir()
    assert shown(path.name[:10]).out.startswith("replace on toy")


def test_of_several_cells_the_newest_is_shown(shown):
    ran = shown("toy_sgd")
    assert ran.out.startswith("toy_fail on toy_sgd")
    assert ran.err.startswith("The newest of 5 cells that match: toy_sgd/")


def test_a_cell_that_is_not_there_lists_those_that_are(shown, console):
    ran = console("show", "toy/replace/7", "--store", "store")
    assert ran.code == 2
    assert "No cell 'toy/replace/7'" in ran.err
    assert "toy/frozen/s0-" in ran.err


@pytest.mark.parametrize("name", ["records.jsonl", "DONE", "manifest.json"])
def test_a_damaged_cell_is_shown_or_refused_without_a_traceback(shown, console, name):
    (folder,) = Path("store/cells/toy_sgd/replace").iterdir()
    (folder / name).write_bytes((folder / name).read_bytes()[:-10])
    ran = console("show", "toy_sgd/replace/0", "--store", "store")
    assert ran.code in (0, 2)
    assert "Traceback" not in ran.err
