"""Recovered gaps, ranks and how entries stand to a reference."""

import math

import fabricate
import pytest

from collapsebench.board import load_board
from collapsebench.board.scores import Against
from collapsebench.board.stats import student_t_interval


def test_recovered_gap_by_hand(board_of):
    # The last two generations are scored: replace (3 + 5)/2 = 4, frozen 1, accumulate (1 + 3)/2 = 2: R = 2/3.
    losses = {"replace": (1, 1, 2, 3, 5), "frozen": (1, 9, 9, 1, 1), "accumulate": (1, 1, 1, 1, 3)}
    board = board_of([fabricate.with_losses(fabricate.cell(name, "gaussian", 0), *losses[name]) for name in losses])
    assert board.scores.by_cell["accumulate", "gaussian", 0] == pytest.approx(2 / 3)
    assert board.scores.by_cell["replace", "gaussian", 0] == 0
    assert board.scores.by_cell["frozen", "gaussian", 0] == 1


def test_task_score_is_the_mean_over_seeds(board_of):
    board = board_of(fabricate.everything())
    values = [board.scores.by_cell["accumulate", "gaussian", seed] for seed in range(3)]
    assert board.scores.of(fabricate.entry(board, "accumulate"), board.tasks[0]) == student_t_interval(values)


def test_the_score_does_not_depend_on_who_else_entered(board_of):
    alone = board_of([r for name in ("replace", "frozen", "accumulate") for r in fabricate.cells(name)])
    score = alone.scores.overall(fabricate.entry(alone, "accumulate"))
    crowded = board_of(fabricate.everything())
    assert crowded.scores.overall(fabricate.entry(crowded, "accumulate")) == score


def test_ranks_are_within_a_track_and_shared_by_ties(board_of):
    board = board_of(fabricate.everything())
    assert [(board.scores.ranks[e.label], e.label) for e in board.scores.ranked("blind")] == [
        (1, "accumulate"),
        (1, "accumulate_subsample"),
        (3, "tempered(temperature=0.9, top_p=0.9)"),
    ]
    assert 0 < board.scores.resolution("blind") < 0.1


def test_an_entry_without_a_task_in_its_scope_is_not_ranked(board_of):
    references = [r for name in ("replace", "frozen") for r in fabricate.cells(name)]
    nowhere = [r for task in ("gaussian", "arithmetic") for r in fabricate.unsupported("verify_filter", task, "luck")]
    board = board_of(references + nowhere)
    assert not board.scores.has(fabricate.entry(board, "verify_filter"))
    assert board.scores.ranked("assisted") == []


def test_entries_of_different_scope_are_compared_where_both_have_scores(board_of):
    # Only gaussian, which one of them lacks, could tell the two apart while they are level on arithmetic.
    def ranks(recovered):
        narrow = fabricate.unsupported("verify_filter", "gaussian", "verifier")
        narrow += fabricate.cells("verify_filter", ["arithmetic"], recovered=0.5, exact=True)
        wide = fabricate.cells("reward_curate", ["gaussian"], recovered=0.1)
        wide += fabricate.cells("reward_curate", ["arithmetic"], recovered=recovered, exact=True)
        references = [r for name in ("replace", "frozen") for r in fabricate.cells(name)]
        return board_of(references + narrow + wide).scores.ranks

    assert ranks(recovered=0.5) == {"verify_filter": 1, "reward_curate": 1}
    assert ranks(recovered=0.4) == {"verify_filter": 1, "reward_curate": 2}


def test_an_identical_reference_has_the_same_loss_on_every_seed(board_of):
    board = board_of(fabricate.everything())
    gaussian, _, arithmetic = board.tasks
    assert board.scores.identical_reference(fabricate.entry(board, "real_mix"), arithmetic) == "frozen"
    assert board.scores.identical_reference(fabricate.entry(board, "real_mix"), gaussian) == ""
    assert board.scores.identical_reference(fabricate.entry(board, "frozen"), gaussian) == ""  # it is itself
    assert (
        board.scores.identical_reference(fabricate.entry(board, "verify_filter"), gaussian) == ""
    )  # it has no loss there


def test_one_seed_gives_a_score_without_interval(board_of):
    board = board_of([r for name in ("replace", "frozen", "accumulate") for r in fabricate.cells(name, seeds=[0])])
    assert board.tasks[0].verdict == "counts, untested: one seed"
    overall = board.scores.overall(fabricate.entry(board, "accumulate"))
    assert math.isfinite(overall.seed_interval.centre)
    assert math.isnan(overall.seed_interval.half_width)
    assert board.scope.state(fabricate.entry(board, "accumulate")) == "missing"


def test_without_references_nothing_is_scored(board_of):
    board = board_of(fabricate.cells("accumulate", tasks=["gaussian"]))
    assert [task.verdict for task in board.tasks] == ["references incomplete", "not run", "not run"]
    assert not board.scores.by_cell
    assert not board.scores.ranked("blind")
    assert board.scope.missing_references()["replace"] == ["gaussian", "kde", "arithmetic"]


def references():
    return [result for name in ("replace", "frozen") for result in fabricate.cells(name)]


def test_better_level_and_worse_than_frozen(board_of):
    entrants = fabricate.cells("accumulate", recovered=1.2, exact=True)  # R = 1.2 on two tasks, all seeds
    entrants += fabricate.cells("tempered", recovered=0.3, exact=True)
    board = board_of(references() + entrants)
    assert board.scores.against(fabricate.entry(board, "accumulate")) == Against("better", 1.0)
    assert board.scores.against(fabricate.entry(board, "tempered")) == Against("worse", 0.0)
    assert board.scores.against(fabricate.entry(board, "frozen")) == Against("level", 0.5)


def test_better_on_one_task_and_worse_on_the_other_is_level(board_of):
    entrants = fabricate.cells("accumulate", ["gaussian"], recovered=1.2, exact=True)
    entrants += fabricate.cells("accumulate", ["kde"])
    entrants += fabricate.cells("accumulate", ["arithmetic"], recovered=0.8, exact=True)
    board = board_of(references() + entrants)
    assert board.scores.against(fabricate.entry(board, "accumulate")) == Against("level", 0.5)


def test_an_incomplete_entry_stands_nowhere(board_of):
    board = board_of(references() + fabricate.cells("accumulate", seeds=[0]))
    assert board.scores.against(fabricate.entry(board, "accumulate")) is None


def test_a_copy_has_the_losses_of_a_reference_everywhere(board_of):
    whole = fabricate.cells("accumulate", recovered=1.0, exact=True)
    half = fabricate.cells("real_mix", ["gaussian", "kde"])
    half += fabricate.cells("real_mix", ["arithmetic"], recovered=1.0, exact=True)
    board = board_of(references() + whole + half)
    assert board.scores.identical_reference(fabricate.entry(board, "accumulate")) == "frozen"
    assert board.scores.against(fabricate.entry(board, "accumulate")) == Against("level", 0.5)
    assert board.scores.identical_reference(fabricate.entry(board, "real_mix")) == ""
    assert board.scores.identical_reference(fabricate.entry(board, "frozen")) == ""


def test_no_entrant_changes_another_ones_scores(tmp_path):
    """Ranks may change: they say how entries stand to each other."""

    def said(board):
        return {
            e.label: (
                board.scores.overall(e),
                [board.scores.of(e, task) for task in board.tasks],
                board.scores.against(e),
                board.scores.identical_reference(e),
                board.costs.counted(e, ["trained_tokens"]),
                board.costs.real_share(e),
                board.scope.state(e),
            )
            for e in board.entries
        }

    everything = fabricate.everything()
    crowded = said(load_board(fabricate.board(tmp_path / "all", everything)))
    for name in sorted({r.cell.method.name for r in everything if not r.cell.method.reference}):
        others = [result for result in everything if result.cell.method.name != name]
        without = said(load_board(fabricate.board(tmp_path / name, others)))
        assert all(repr(crowded[label]) == repr(what) for label, what in without.items()), name
        assert len(without) == len(crowded) - 1
