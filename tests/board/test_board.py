import math
from dataclasses import replace as changed

import fabricate
import pytest

from collapsebench.board import load_board
from collapsebench.board.stats import student_t_interval
from collapsebench.core.errors import RecordError, StoreError


def entry(board, label):
    return next(e for e in board.entries if e.label == label)


def with_losses(result, *losses):
    """The same cell with other values of its primary metric at t = 0, 1, ..."""
    primary = result.cell.task.primary
    generations = [
        g.changed(metrics={**g.metrics, primary: v}) for g, v in zip(result.generations, losses, strict=True)
    ]
    return changed(result, generations=tuple(generations))


@pytest.fixture
def board_of(tmp_path):
    return lambda results: load_board(fabricate.board(tmp_path, results))


def test_recovered_gap_by_hand(board_of):
    # The last two generations are scored: replace (3 + 5)/2 = 4, frozen 1, accumulate (1 + 3)/2 = 2: R = 2/3.
    losses = {"replace": (1, 1, 2, 3, 5), "frozen": (1, 9, 9, 1, 1), "accumulate": (1, 1, 1, 1, 3)}
    board = board_of([with_losses(fabricate.cell(name, "gaussian", 0), *losses[name]) for name in losses])
    assert board.scores.by_cell["accumulate", "gaussian", 0] == pytest.approx(2 / 3)
    assert board.scores.by_cell["replace", "gaussian", 0] == 0
    assert board.scores.by_cell["frozen", "gaussian", 0] == 1


def test_task_score_is_the_mean_over_seeds(board_of):
    board = board_of(fabricate.everything())
    values = [board.scores.by_cell["accumulate", "gaussian", seed] for seed in range(3)]
    assert board.scores.of(entry(board, "accumulate"), board.tasks[0]) == student_t_interval(values)


def test_a_task_that_does_not_collapse_is_left_out(board_of):
    board = board_of(fabricate.everything())
    assert [(task.name, task.verdict) for task in board.tasks] == [
        ("gaussian", "counts"),
        ("kde", "no collapse here"),
        ("arithmetic", "counts"),
    ]
    assert "kde" not in {task for _, task, _ in board.scores.by_cell}


def test_a_gap_within_four_standard_errors_does_not_count(board_of):
    # Gaps 1, 2, 3: mean 2 is 3.5 standard errors. Gaps 2, 2.5, 3: mean 2.5 is 8.7.
    def runs(gaps):
        for seed, gap in enumerate(gaps):
            yield with_losses(fabricate.cell("replace", "gaussian", seed), *[1 + gap] * 5)
            yield with_losses(fabricate.cell("frozen", "gaussian", seed), *[1] * 5)

    assert not board_of(list(runs([1, 2, 3]))).tasks[0].counts
    assert board_of(list(runs([2, 2.5, 3]))).tasks[0].counts


def test_the_score_does_not_depend_on_who_else_entered(board_of):
    alone = board_of([r for name in ("replace", "frozen", "accumulate") for r in fabricate.cells(name)])
    score = alone.scores.overall(entry(alone, "accumulate"))
    crowded = board_of(fabricate.everything())
    assert crowded.scores.overall(entry(crowded, "accumulate")) == score


def test_ranks_are_within_a_track_and_shared_by_ties(board_of):
    board = board_of(fabricate.everything())
    assert [(board.scores.ranks[e.label], e.label) for e in board.scores.ranked("blind")] == [
        (1, "accumulate"),
        (1, "accumulate_subsample"),
        (3, "tempered(temperature=0.9, top_p=0.9)"),
    ]
    assert 0 < board.scores.resolution("blind") < 0.1


def test_only_complete_entries_are_ranked(board_of):
    board = board_of(fabricate.everything())
    states = {label: board.scope.state(entry(board, label)) for label in ("token_edit", "fresh_mix", "reward_curate")}
    assert states == {"token_edit": "missing", "fresh_mix": "diverged", "reward_curate": "skipped"}
    ranked = {e.label for track in ("anchored", "fresh", "assisted") for e in board.scores.ranked(track)}
    assert ranked == {"real_mix", "verify_filter"}


def test_a_task_that_lacks_what_a_method_needs_is_outside_the_entrys_scope(board_of):
    board = board_of(fabricate.everything())
    verify = entry(board, "verify_filter")
    assert board.scope.lacks(verify, board.tasks[0]) == "needs verifier, which gaussian does not have"
    assert [task.name for task in board.scope.of(verify)] == ["arithmetic"]
    assert board.scope.state(verify) == "done"
    values = [board.scores.by_cell["verify_filter", "arithmetic", seed] for seed in range(3)]
    assert board.scores.overall(verify).task_interval.centre == pytest.approx(sum(values) / 3)
    assert board.costs.counted(verify, ["real_examples"]) == 1000  # of one task


def test_an_entry_without_a_task_in_its_scope_is_not_ranked(board_of):
    references = [r for name in ("replace", "frozen") for r in fabricate.cells(name)]
    nowhere = [r for task in ("gaussian", "arithmetic") for r in fabricate.unsupported("verify_filter", task, "luck")]
    board = board_of(references + nowhere)
    assert not board.scores.has(entry(board, "verify_filter"))
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
    assert board.scores.identical_reference(entry(board, "real_mix"), arithmetic) == "frozen"
    assert board.scores.identical_reference(entry(board, "real_mix"), gaussian) == ""
    assert board.scores.identical_reference(entry(board, "frozen"), gaussian) == ""  # it is itself
    assert board.scores.identical_reference(entry(board, "verify_filter"), gaussian) == ""  # it has no loss there


def test_a_task_that_does_not_count_is_not_needed(board_of):
    results = [r for name in ("replace", "frozen") for r in fabricate.cells(name)]
    board = board_of(results + fabricate.cells("accumulate", tasks=["gaussian", "arithmetic"]))
    assert board.scope.state(entry(board, "accumulate")) == "done"


def test_a_reference_that_diverged_leaves_its_task_unscored(board_of):
    broken = fabricate.cells("replace", ["gaussian"], status="diverged", reason="loss is nan", finished=2)
    board = board_of([r for name in ("frozen", "accumulate") for r in fabricate.cells(name, ["gaussian"])] + broken)
    assert board.tasks[0].verdict == "references incomplete"
    assert board.scope.seeds(entry(board, "replace"), "diverged") == {"gaussian": [0, 1, 2]}


def test_costs_are_averaged_over_seeds_and_summed_over_scored_tasks(board_of):
    board = board_of(fabricate.everything())
    accumulate = entry(board, "accumulate")
    assert board.costs.counted(accumulate, ["real_examples"]) == 2 * 1000
    assert board.costs.counted(accumulate, ["synthetic_examples"]) == 2 * 4000
    assert board.costs.counted(accumulate, ["real_examples", "synthetic_examples"]) == 2 * 5000
    assert board.costs.counted(accumulate, ["trained_tokens"]) == 2 * 5 * 1_600_000
    assert board.costs.seconds(accumulate) == 2 * 5 * 3.0
    assert board.costs.real_share(entry(board, "accumulate")) == 0.25
    assert board.costs.counted(entry(board, "frozen"), ["real_examples"]) == 2 * 1000
    assert math.isnan(board.costs.seconds(entry(board, "token_edit")))  # it is not complete


def test_one_seed_gives_a_score_without_interval(board_of):
    board = board_of([r for name in ("replace", "frozen", "accumulate") for r in fabricate.cells(name, seeds=[0])])
    assert board.tasks[0].verdict == "counts, untested: one seed"
    overall = board.scores.overall(entry(board, "accumulate"))
    assert math.isfinite(overall.seed_interval.centre)
    assert math.isnan(overall.seed_interval.half_width)
    assert board.scope.state(entry(board, "accumulate")) == "missing"


def test_without_references_nothing_is_scored(board_of):
    board = board_of(fabricate.cells("accumulate", tasks=["gaussian"]))
    assert [task.verdict for task in board.tasks] == ["references incomplete", "not run", "not run"]
    assert not board.scores.by_cell
    assert not board.scores.ranked("blind")
    assert board.scope.missing_references()["replace"] == ["gaussian", "kde", "arithmetic"]


def test_a_command_names_parameters_and_what_is_missing(board_of):
    board = board_of(fabricate.cells("tempered", ["gaussian"], params={"temperature": 0.9, "note": "a b"}))
    assert board.scope.command(board.entries[0]) == (
        "collapsebench run --method 'tempered(temperature=0.9, note=a b)' --task kde,arithmetic --protocol quick"
    )


def test_pairing_across_machines_is_noticed(board_of):
    elsewhere = fabricate.cells("accumulate", environment={"machine": "another CPU"})
    board = board_of(fabricate.cells("replace") + fabricate.cells("frozen") + elsewhere)
    assert board.across_machines(entry(board, "accumulate"))
    assert not board.across_machines(entry(board, "frozen"))


def test_no_records(tmp_path):
    with pytest.raises(StoreError, match="No records"):
        load_board(tmp_path)


def test_a_file_under_another_name_is_refused(tmp_path):
    fabricate.board(tmp_path, fabricate.cells("replace"))
    (tmp_path / "records" / "copy.jsonl").write_text((tmp_path / "records" / "replace.jsonl").read_text())
    with pytest.raises(RecordError, match=r"copy\.jsonl:1: method\.name: is 'replace' in a file .* named 'copy'"):
        load_board(tmp_path)


@pytest.mark.parametrize(
    ("part", "field", "forged"),
    [("protocol", "average_last", 1), ("protocol", "tasks", ["gaussian"]), ("task", "primary", "trace")],
)
def test_one_file_cannot_change_what_others_say_of_the_rules(tmp_path, part, field, forged):
    results = [
        changed(r, cell=r.cell.changed(**{part: getattr(r.cell, part).changed(**{field: forged})}))
        for r in fabricate.cells("accumulate", ["gaussian"])
    ]
    fabricate.board(tmp_path, fabricate.cells("replace", ["gaussian"]) + results)
    with pytest.raises(RecordError, match=rf"accumulate\.jsonl and .*replace\.jsonl hold .* {part}\.{field} of"):
        load_board(tmp_path)


@pytest.mark.parametrize("part", ["protocol", "task"])
def test_records_of_different_versions_are_not_mixed(tmp_path, part):
    old = [
        changed(r, cell=r.cell.changed(**{part: getattr(r.cell, part).changed(digest="feedbeef" * 8)}))
        for r in fabricate.cells("frozen")
    ]
    fabricate.board(tmp_path, fabricate.cells("replace") + old)
    with pytest.raises(RecordError, match=rf"frozen\.jsonl and .*replace\.jsonl hold .* versions of {part}"):
        load_board(tmp_path)


def test_seeds_of_one_entry_share_their_source(tmp_path):
    results = fabricate.cells("replace")
    newer = results[0].cell.method.changed(digest="feedbeef" * 8)
    results[0] = changed(results[0], cell=results[0].cell.changed(method=newer))
    fabricate.board(tmp_path, results)
    with pytest.raises(RecordError, match=r"replace\.jsonl:19: method\.digest: differs from line 1"):
        load_board(tmp_path)
