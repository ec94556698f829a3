"""Which settings count, and what is read off the cells."""

from dataclasses import replace

import fabricate
import pytest

from collapsebench.board.load import scored_loss


def test_settings_stand_by_question_suite_and_protocol(board_of):
    board = board_of(list(reversed(fabricate.everything())))
    assert [setting.name for setting in board.settings] == list(fabricate.SETTINGS)
    assert [(group.question, group.suite, len(group.settings)) for group in board.groups] == [
        ("preserve", "theory", 2),
        ("preserve", "language", 1),
        ("purify", "theory", 1),
        ("grow", "language", 1),
    ]


def test_the_learning_curve_is_no_setting_and_its_lineage_no_entry(board_of):
    board = board_of(fabricate.curves() + fabricate.cells("frozen"))
    assert {entry.label for entry in board.entries} == {"frozen"}
    assert not [setting for setting in board.settings if setting.world.kind == "curve"]


def test_the_curve_goes_through_what_frozen_scored_in_the_setting(board_of):
    others = [r for r in fabricate.references(["gaussian/preserve"]) if r.cell.method.name != "frozen"]
    board = board_of(others + fabricate.cells("frozen", ["gaussian/preserve"], worth=0.9))
    setting = board.settings[0]
    frozen = board.losses_of(board.reference("frozen"), setting)
    assert setting.curve.multiples == (0.25, 0.5, 1, 2, 4)
    assert list(setting.curve.losses[:, 2]) == [frozen[seed] for seed in setting.seeds]
    assert frozen[0] != fabricate.curves(["gaussian/preserve"])[0].generations[0].metrics["w2_squared"]
    halves = [r.generations[2].metrics["w2_squared"] for r in fabricate.curves(["gaussian/preserve"])]
    assert list(setting.curve.losses[:, 1]) == halves


def test_a_closed_form_gives_the_curve_its_shape(board_of):
    theory = {"w2_squared": (0.5, 2.0, 1.0, 0.25, 0.125)}  # at n, n/4, n/2, 2n, 4n
    curves = [replace(r, cell=r.cell.changed(theory=theory)) for r in fabricate.curves(["gaussian/preserve"])[:1]]
    board = board_of(fabricate.cells("frozen", ["gaussian/preserve"]) + curves)
    setting = board.settings[0]
    assert setting.seeds == (0, 1, 2)  # though the curve was measured with one
    assert list(setting.curve.losses[0] / setting.curve.losses[0, 2]) == pytest.approx([4, 2, 1, 0.5, 0.25])


def test_a_setting_whose_curve_is_flat_within_its_noise_does_not_count(board_of):
    board = board_of(fabricate.everything())
    verdicts = {setting.name: setting.verdict for setting in board.settings}
    assert verdicts.pop("kde/preserve") == "no resolution"
    assert set(verdicts.values()) == {"counts"}
    assert "kde/preserve" not in {s.name for group in board.groups for s in group.counting}


def test_without_frozen_or_a_curve_nothing_counts(board_of):
    only = ["gaussian/preserve"]
    for results in (fabricate.cells("accumulate", only), fabricate.curves(only) + fabricate.cells("replace", only)):
        board = board_of(results)
        assert [setting.verdict for setting in board.settings] == ["no learning curve"]


def test_one_seed_counts_untested(board_of):
    results = [r for r in fabricate.references(["gaussian/preserve"]) if r.cell.seed == 0]
    assert board_of(results).settings[0].verdict == "counts, untested: one seed"


def test_generation_0_is_never_scored():
    one_shot = fabricate.cell("frozen", "gaussian/preserve", 0)
    world = one_shot.cell.world.changed(generations=1)
    short = fabricate.with_losses(one_shot, None, 1, 2, 3, 4)
    assert scored_loss(short) == 3.5
    assert scored_loss(replace(short, cell=short.cell.changed(world=world), generations=short.generations[:2])) == 1


def test_tasks_that_have_not_run_are_named(board_of):
    assert board_of(fabricate.cells("accumulate", ["kde/preserve"])).not_run == ("gaussian", "arithmetic")


def test_pairing_across_machines_is_noticed(board_of):
    elsewhere = fabricate.cells("accumulate", environment={"machine": "another CPU"})
    board = board_of(fabricate.cells("replace") + fabricate.cells("frozen") + elsewhere)
    assert board.across_machines(fabricate.entry(board, "accumulate"))
    assert not board.across_machines(fabricate.entry(board, "frozen"))


def test_where_references_ran_is_told_with_the_versions_that_round(board_of):
    there = {"machine": "another CPU", "torch": "2.13.0", "date": "2026-01-01", "git": "abc"}
    elsewhere = fabricate.cells("frozen", environment=there)
    board = board_of(fabricate.cells("replace") + fabricate.cells("fresh_real") + elsewhere)
    assert board.machines_of_references == {
        "another CPU, torch 2.13.0": ("frozen",),
        "one CPU": ("fresh_real", "replace"),
    }


def test_a_cell_that_never_ran_was_on_no_machine(board_of):
    outside = [
        replace(r, cell=r.cell.changed(environment={}))
        for r in fabricate.unsupported("verify_filter", ["gaussian/preserve"], "verifier")
    ]
    board = board_of(fabricate.references(["gaussian/preserve"]) + outside)
    assert not board.across_machines(fabricate.entry(board, "verify_filter"))
