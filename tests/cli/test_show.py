from pathlib import Path

import pytest
import yaml

from collapsebench.core.method import references


@pytest.fixture
def shown(cli, run_toys, toys):
    """`shown("toy/replace/0", ...)` after a run of some methods, in two worlds on `toy`."""
    rules = yaml.safe_load(toys.read_text())
    toy = {**rules["tasks"]["toy"], "worlds": {"preserve": {}, "purify": {}}}
    toys.write_text(yaml.safe_dump({**rules, "tasks": {**rules["tasks"], "toy": toy}}))
    cli(*run_toys, "--method", "toy_blend,toy_fail", "--seeds", "1")
    return lambda *words: cli("show", *words, "--store", "store")


def test_a_cell_is_shown_by_generation(shown):
    out = shown("toy_sgd/toy_blend/0").out
    assert out.startswith("toy_blend on toy_sgd/preserve, seed 0: done\n")
    for word in ("t=0", "t=2", "real share", "generated share", "log pool_mean", "synthetic examples", "error"):
        assert word in out


@pytest.mark.parametrize("world", ["preserve", "purify"])
def test_a_cell_is_found_by_its_world(shown, world):
    ran = shown(f"toy/{world}/toy_blend/0")
    assert ran.out.startswith(f"toy_blend on toy/{world}, seed 0: done\n")
    assert ran.err == ""


def test_a_learning_curve_is_a_cell(shown):
    ran = shown("toy/curve/take_newest/0")
    assert ran.out.startswith("take_newest on toy/curve, seed 0: done\n")
    (rows,) = [line.split() for line in ran.out.splitlines() if line.strip().startswith("rows of D_t")]
    assert rows[3:] == ["4", "2", "8", "16", "32", "64"]


def test_a_cell_of_two_worlds_is_said_to_be_so(shown):
    ran = shown("toy/toy_blend/0")
    assert ran.out.startswith("toy_blend on toy/purify, seed 0: done\n")
    assert ran.err.startswith("The newest of 2 cells that match: toy/toy_blend/s0-")
    assert "(preserve)" in ran.err and "(purify)" in ran.err


@pytest.mark.parametrize("task", ["toy", "toy_sgd"])
def test_samples_show_the_data_of_every_generation(shown, task):
    out = shown(f"{task}/preserve/toy_blend/0", "--samples").out
    assert "t=0: 4 rows, 100% real" in out
    assert "t=2: 4 rows" in out
    assert out.count("    x=[") == 3 * 4


def test_a_failed_cell_shows_its_traceback(shown):
    out = shown("toy/preserve/toy_fail/0").out
    assert "RuntimeError: boom" in out
    assert "Traceback" in out


def test_part_of_a_path_is_enough(shown):
    (path,) = Path("store/cells/toy/replace").iterdir()
    assert shown(path.name[:10]).out.startswith("replace on toy/preserve")


def test_of_several_cells_the_newest_is_shown(shown):
    ran = shown("toy_sgd")
    assert ran.out.startswith("toy_fail on toy_sgd/preserve")
    assert ran.err.startswith(f"The newest of {3 + len(references('preserve'))} cells that match: toy_sgd/")


def test_a_cell_that_is_not_there_lists_those_that_are(shown, console):
    ran = console("show", "toy/replace/7", "--store", "store")
    assert ran.code == 2
    assert "No cell 'toy/replace/7'" in ran.err
    assert "toy/fresh_real/s0-" in ran.err


@pytest.mark.parametrize("name", ["records.jsonl", "DONE", "manifest.json"])
def test_a_damaged_cell_is_shown_or_refused_without_a_traceback(shown, console, name):
    (folder,) = Path("store/cells/toy_sgd/replace").iterdir()
    (folder / name).write_bytes((folder / name).read_bytes()[:-10])
    ran = console("show", "toy_sgd/replace/0", "--store", "store")
    assert ran.code in (0, 2)
    assert "Traceback" not in ran.err
