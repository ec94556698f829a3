"""Worth, R, verdicts and decay."""

import math
from dataclasses import replace

import fabricate
import pytest

ONLY = ["gaussian/preserve"]


def steady(method, loss, setting="gaussian/preserve", seeds=range(3), **changes):
    """Cells that have the same loss in all generations and seeds."""
    cells = (fabricate.cell(method, setting, seed, **dict(changes)) for seed in seeds)
    return [fabricate.with_losses(cell, None, *[loss] * (len(cell.generations) - 1)) for cell in cells]


def halving(setting="gaussian/preserve"):
    """Learning curve of 1 over n, in every seed the same, and `frozen` with loss 1."""
    losses = (1, 4, 2, 0.5, 0.25)  # at n, n/4, n/2, 2n, 4n
    curves = [fabricate.with_losses(cell, None, *losses[1:]) for cell in fabricate.curves([setting])]
    return curves + steady("frozen", 1.0, setting)


def test_worth_and_r_by_hand(board_of):
    # The last two generations are scored: (2 + 1)/2 = 1.5 on a curve on which n/2 rows have 2 and n rows 1.
    board = board_of(
        halving()
        + steady("replace", 4.0)
        + [fabricate.with_losses(c, None, 1, 1, 2, 1) for c in fabricate.cells("accumulate", ONLY)]
    )
    accumulate, setting = fabricate.entry(board, "accumulate"), board.settings[0]
    assert 2 ** board.scores.worth(accumulate, setting).log2.centre == pytest.approx(1 / 1.5)
    assert board.scores.recovered(accumulate, setting).centre == pytest.approx((4 - 1.5) / (4 - 1))
    assert board.scores.worth(board.reference("frozen"), setting).log2.centre == 0
    assert board.scores.worth(board.reference("replace"), setting).log2.centre == -2


@pytest.mark.parametrize(
    ("setting", "floor", "ceiling"),
    [("gaussian/purify", "take_newest", "oracle"), ("arithmetic/grow", "frozen", "more_real")],
)
def test_r_has_the_floor_and_the_ceiling_of_its_question(board_of, setting, floor, ceiling):
    losses = {floor: 5.0, ceiling: 1.0, "detector": 2.0}
    board = board_of([result for name, loss in losses.items() for result in steady(name, loss, setting)])
    assert board.scores.recovered(fabricate.entry(board, "detector"), board.settings[0]).centre == (5 - 2) / (5 - 1)


def test_a_score_is_the_mean_of_log2_v_and_names_the_worst_setting(board_of):
    settings = ["gaussian/preserve", "kde/preserve"]
    results = [*halving(settings[0]), *halving(settings[1])]
    results += steady("accumulate", 2.0, settings[0]) + steady("accumulate", 0.25, settings[1])  # V 1/2 and 4
    board = board_of(results)
    score = board.scores.score(fabricate.entry(board, "accumulate"), board.groups[0])
    assert score.seeds.centre == pytest.approx((-1 + 2) / 2)
    assert score.worst.name == "gaussian/preserve"
    assert score.settings.half_width == pytest.approx(12.706 * 1.5, rel=1e-3)  # t_1 times the error of -1 and 2
    assert [setting.name for setting in score.of] == settings


def test_beyond_the_curve_the_mean_takes_its_end(board_of):
    settings = ["gaussian/preserve", "kde/preserve"]
    results = [*halving(settings[0]), *halving(settings[1])]
    results += steady("accumulate", 1e6, settings[0]) + steady("accumulate", 1.0, settings[1])
    board = board_of(results)
    accumulate = fabricate.entry(board, "accumulate")
    assert board.scores.worth(accumulate, board.settings[0]).outside == -1
    assert board.scores.score(accumulate, board.groups[0]).seeds.centre == pytest.approx((-2 + 0) / 2)


def test_an_entry_with_cells_to_come_has_no_score(board_of):
    settings = ["gaussian/preserve", "arithmetic/preserve"]
    board = board_of(fabricate.references(settings) + fabricate.cells("accumulate", seeds=[0, 1]))
    accumulate = fabricate.entry(board, "accumulate")
    assert [board.scores.score(accumulate, group) for group in board.groups] == [None] * len(board.groups)
    assert board.scores.worth(accumulate, board.settings[0]) is not None  # what it has is shown


def test_better_level_and_worse(board_of):
    entrants = fabricate.cells("accumulate", ONLY, worth=1.5) + fabricate.cells("real_mix", ONLY, worth=0.5)
    entrants += fabricate.cells("token_edit", ONLY, worth=1.0)
    board = board_of(fabricate.references(ONLY) + entrants)
    verdicts = [
        board.scores.against(fabricate.entry(board, name), board.groups[0])
        for name in ("accumulate", "token_edit", "real_mix", "frozen")
    ]
    assert verdicts == ["better", "level", "worse", "level"]


def test_entries_of_purify_are_compared_with_taking_all(board_of):
    settings = ["gaussian/purify"]
    board = board_of(fabricate.references(settings) + fabricate.cells("detector", settings, worth=1.2))
    detector, group = fabricate.entry(board, "detector"), board.groups[0]
    assert board.scores.verdict(detector, board.reference("frozen"), group) == "better"
    assert board.scores.against(detector, group) == "worse"


def test_better_in_one_setting_and_worse_in_the_other_is_level(board_of):
    settings = ["gaussian/preserve", "kde/preserve"]
    results = [*halving(settings[0]), *halving(settings[1])]
    board = board_of(results + steady("accumulate", 0.5, settings[0]) + steady("accumulate", 2.0, settings[1]))
    assert board.scores.against(fabricate.entry(board, "accumulate"), board.groups[0]) == "level"


def test_one_wild_seed_changes_no_verdict(board_of):
    cells = fabricate.cells("accumulate", ONLY, worth=1.0, exact=True)
    wild = [
        fabricate.with_losses(
            c, None, *[2000.0 if c.cell.seed == 2 else g.metrics["w2_squared"] for g in c.generations[1:]]
        )
        for c in cells
    ]
    board = board_of(fabricate.references(ONLY) + wild)
    assert board.scores.against(fabricate.entry(board, "accumulate"), board.groups[0]) == "level"


def test_the_slope_of_the_loss_is_its_rise_per_generation(board_of):
    board = board_of([fabricate.with_losses(c, 1, 3, 5, 7, 9) for c in fabricate.cells("accumulate", ONLY)])
    slope = board.scores.slope(board.entries[0], board.settings[0])
    assert (slope.centre, slope.half_width) == (pytest.approx(2), pytest.approx(0))


def test_what_is_kept_of_a_metric_is_last_over_first(board_of):
    board = board_of(fabricate.cells("accumulate", ONLY))
    assert board.scores.kept(board.entries[0], board.settings[0], "trace") == pytest.approx(0.86 / 0.9)
    assert math.isnan(board.scores.kept(board.entries[0], board.settings[0], "nothing"))


@pytest.mark.parametrize(
    ("worth", "diversity", "silent"), [(0.9, 0.3, True), (0.9, 2.5, True), (0.9, 0.9, False), (0.3, 0.3, False)]
)
def test_silent_collapse_is_a_loss_near_frozen_with_samples_that_are_not_like_real_ones(
    board_of, worth, diversity, silent
):
    def sampled(cell):
        changed = (g.changed(metrics={**g.metrics, "diversity_ratio": diversity}) for g in cell.generations)
        return replace(cell, generations=tuple(changed))

    settings = ["arithmetic/preserve"]
    cells = [sampled(cell) for cell in fabricate.cells("accumulate", settings, worth=worth)]
    references = fabricate.references(settings)
    board = board_of(references + cells)
    assert board.scores.silent_collapse(fabricate.entry(board, "accumulate"), board.settings[0]) == silent
    board = board_of([sampled(cell) for cell in references] + cells)  # so few rows that D_0 alone does it
    assert not board.scores.silent_collapse(fabricate.entry(board, "accumulate"), board.settings[0])
