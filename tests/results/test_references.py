"""Which references come from verified records, and which are trained."""

import pytest

from collapsebench.loop import cell as cells
from collapsebench.results import references
from collapsebench.results.merge import merge_records
from collapsebench.results.references import published_references, verified_references
from collapsebench.results.signature import Draw, sign

DRAW = Draw(draw="1", drawn="by hand")


@pytest.fixture
def put(tmp_path):
    """Puts results on a board, and signs those of each method unless they are not to be."""

    def put(results, board="board", signed=True):
        folder = tmp_path / board / "toys"
        merge_records(results, folder)
        for name in {result.cell.method.name for result in results} if signed else ():
            sign(folder, [r for r in results if r.cell.method.name == name], DRAW, [])
        return folder

    return put


@pytest.fixture
def published(put, tmp_path, monkeypatch):
    """Puts results on the published board."""
    monkeypatch.setattr(references, "builtin_folder", lambda name: tmp_path / f"published-{name}")
    return lambda results, **how: put(results, "published-leaderboards", **how)


def seeds(verified):
    return sorted(seed for _, _, _, seed in verified.results)


def test_references_and_learning_curves_are_taken_from_verified_records(put, make_cell, make_result):
    results = [make_result("replace", seed=0), make_result("replace", seed=1, status="diverged", finished=2)]
    curve = make_result("take_newest", world="curve", finished=6)
    board = put([*results, curve])
    wanted = [*(make_cell("replace", seed=seed) for seed in (0, 1)), make_cell("take_newest", world="curve")]
    assert list(verified_references(board, wanted).results.values()) == [*results, curve]


def test_nothing_is_taken_that_nobody_verified_that_failed_or_that_is_no_reference(put, make_cell, make_result):
    failed = make_result("replace", seed=1, status="failed", finished=2)
    wanted = [make_cell("replace", seed=seed) for seed in (0, 1, 2)]
    board = put([make_result("replace"), failed], signed=False)
    assert seeds(verified_references(board, wanted)) == []
    put([make_result("replace"), failed])
    assert seeds(verified_references(board, wanted)) == [0]
    put([make_result("toy_blend")])
    assert seeds(verified_references(board, [make_cell("toy_blend")])) == []


OTHER_KEYS = {
    "rules": {"rules": {"budget": {"steps": 6, "batch": 2}}},
    "world": {"world": {"preserve": {"m": 8}}},
    "generations": {"generations": 2},
    "method": {"method": "frozen"},
    "seed": {"seed": 1},
    "task": {"task": "toy_sgd"},
    "sizes of the task": {"rules": {"params": {"noise": 0.3}}},
}


@pytest.mark.parametrize("changed", OTHER_KEYS.values(), ids=OTHER_KEYS)
def test_no_record_of_another_key_is_taken(put, make_cell, make_result, changed):
    board = put([make_result("replace")])
    assert seeds(verified_references(board, [make_cell("replace")])) == [0]
    assert seeds(verified_references(board, [make_cell(**{"method": "replace", **changed})])) == []


@pytest.mark.parametrize("part", ["own", "harness"])
@pytest.mark.parametrize("plugin", ["task", "method"])
def test_no_record_of_other_code_is_taken(put, make_cell, make_result, monkeypatch, plugin, part):
    """`own` is the plug-in's code, `harness` that of the learner, the scorer and the bases that it uses."""
    board = put([make_result("replace")])
    wanted = make_cell("replace")
    changed, real = type(getattr(wanted, plugin)), cells.plugin_code
    monkeypatch.setattr(
        cells, "plugin_code", lambda cls: real(cls)._replace(**{part: "edited"}) if cls is changed else real(cls)
    )
    assert seeds(verified_references(board, [wanted])) == []


def test_no_record_of_another_loop_or_format_is_taken(put, make_cell, make_result, monkeypatch):
    board = put([make_result("replace")])
    with monkeypatch.context() as patched:
        patched.setattr(cells, "module_code", lambda name, real=cells.module_code: real(name)._replace(own="edited"))
        assert seeds(verified_references(board, [make_cell("replace")])) == []
    monkeypatch.setattr(cells, "SCHEMA", cells.SCHEMA + 1)
    assert seeds(verified_references(board, [make_cell("replace")])) == []


def test_a_record_with_one_number_changed_is_not_taken_and_says_why(put, make_cell, make_result):
    board = put([make_result("replace", seed=seed) for seed in (0, 1)])
    path = board / "records" / "replace.jsonl"
    wanted = [make_cell("replace", seed=seed) for seed in (0, 1)]
    assert verified_references(board, wanted).refused == ()
    path.write_text(path.read_text().replace('"error":1.5', '"error":1.4', 1))
    found = verified_references(board, wanted)
    assert seeds(found) == []
    note = board / "verified" / "replace.json"
    assert found.refused == (f"{path} is not what {note} was written for, so nothing is taken from it.",)


def test_what_ones_own_board_lacks_comes_from_the_published_one(put, published, make_cell, make_result):
    published([make_result("replace", seed=seed) for seed in (0, 1)])
    board = put([make_result("frozen")])
    wanted = [make_cell("replace", seed=seed) for seed in (0, 1)]
    assert seeds(verified_references(board, wanted)) == []
    assert seeds(published_references(board, wanted)) == [0, 1]


def test_a_record_on_ones_own_board_gives_way_only_to_an_equal_one(put, published, make_cell, make_result):
    """What `--own-references` left there differs by rounding; a run without it must not replace it."""
    published([make_result("replace", seed=seed) for seed in (0, 1)] + [make_result("frozen")])
    own = [make_result("replace", seed=0, seconds=9.0), make_result("replace", seed=1, error=0.5 + 1e-9)]
    board = put([*own, make_result("frozen", status="failed", finished=1)], signed=False)
    wanted = [*(make_cell("replace", seed=seed) for seed in (0, 1)), make_cell("frozen")]
    assert sorted(published_references(board, wanted).results) == [wanted[2].place, wanted[0].place]


def test_the_published_board_gives_nothing_to_itself(published, make_cell, make_result):
    board = published([make_result("replace")])
    assert seeds(published_references(board, [make_cell("replace")])) == []
    assert seeds(published_references(board / ".." / "toys", [make_cell("replace")])) == []


def test_a_published_board_that_cannot_be_read_is_said_and_stops_nobody(put, published, make_cell, make_result):
    path = published([make_result("replace")]) / "records" / "replace.jsonl"
    path.write_text(path.read_text().replace('"schema":', '"schema":9'))
    found = published_references(put([make_result("frozen")]), [make_cell("replace")])
    assert seeds(found) == []
    (said,) = found.refused
    assert said.startswith(f"Nothing is taken from the published board: {path}:1: schema: ")


def test_a_cell_that_lm_eval_measures_besides_is_never_taken(put, make_cell, make_result, monkeypatch):
    board = put([make_result("replace")])
    asked = make_cell("replace")
    monkeypatch.setattr(type(asked), "extra_evals", [["blimp", "all", "somewhere"]])
    assert seeds(verified_references(board, [asked])) == []


def test_worlds_of_the_same_content_are_told_apart(put, make_cell, make_result):
    """Their cells have one key: numbers are the same, and a record names its world."""
    board = put([make_result("replace", world="preserve")])
    twin = make_cell("replace", world={"preserve-again": {"kind": "preserve"}})
    assert twin.digest == make_cell("replace").digest
    assert seeds(verified_references(board, [twin])) == []
