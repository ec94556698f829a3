"""Who is ranked, what the others are called, and that no entry changes what is said of another."""

import itertools
from dataclasses import replace

import fabricate
import pytest

LOOP = ["gaussian/preserve", "arithmetic/preserve"]


def ranks(board):
    """Label -> rank, by question and suite, of every entry that has one."""
    return {
        (group.question, group.suite): {
            entry.label: rank for entry in board.entries if (rank := board.ranks.rank(entry, group))
        }
        for group in board.groups
    }


def said(board):
    """All that a board says of each entry: numbers, ranks, verdicts, words."""
    return {
        entry.label: [
            [board.scores.worth(entry, s) for s in board.settings],
            [repr(board.scores.recovered(entry, s)) for s in board.settings],
            [
                (score.seeds, score.settings, score.worst.name) if (score := board.scores.score(entry, g)) else None
                for g in board.groups
            ],
            [board.ranks.rank(entry, g) for g in board.groups],
            [board.ranks.place(entry, g) for g in board.groups],
            [board.scores.against(entry, g) for g in board.groups],
            [board.ranks.called(entry, q) for q in board.questions] if not entry.reference else [],
            repr(board.costs.relative(entry, board.settings, ["trained_tokens"])),
        ]
        for entry in board.entries
    }


def verdicts(board, labels):
    entries = [fabricate.entry(board, label) for label in labels]
    return [board.scores.verdict(*pair, group) for pair in itertools.permutations(entries, 2) for group in board.groups]


def test_a_rank_counts_the_better_ones_of_the_track(board_of):
    board = board_of(fabricate.everything())
    assert ranks(board)["preserve", "theory"] == {
        **{"accumulate": 1, "accumulate_subsample": 1, "tempered(temperature=0.9, top_p=0.9)": 3},
        **{"token_edit": 1, "real_mix": 2},
        **{"reward_curate": 1},
    }
    assert ranks(board)["grow", "language"] == {"accumulate": 1, "accumulate_subsample": 1, "verify_filter": 1}


def test_only_whole_entries_are_ranked(board_of):
    board = board_of(fabricate.everything())
    places = {
        (label, group.suite): board.ranks.place(fabricate.entry(board, label), group)
        for group in board.groups
        for label in ("token_edit", "reward_curate", "frozen", "verify_filter")
        if group.question == "preserve"
    }
    assert places == {
        ("token_edit", "theory"): "ranked",
        ("token_edit", "language"): "incomplete",
        ("reward_curate", "theory"): "ranked",  # kde, where it has no place, does not count
        ("reward_curate", "language"): "part",
        ("frozen", "theory"): "reference",
        ("frozen", "language"): "reference",
        ("verify_filter", "theory"): "absent",
        ("verify_filter", "language"): "ranked",
    }


def test_an_entry_that_a_counting_setting_keeps_out_is_listed_in_part_with_its_score(board_of):
    settings = ["gaussian/preserve", "kde/preserve"]
    steep = [
        replace(r, cell=r.cell.changed(theory={r.cell.task.primary: (0.5, 2.0, 1.0, 0.25, 0.125)}))
        for r in fabricate.curves(settings)
    ]
    results = steep + [r for name in ("frozen", "replace") for r in fabricate.cells(name, settings[:1])]
    for name in ("frozen", "accumulate"):  # losses of kde that are as far apart as its curve asks
        results += [
            fabricate.with_losses(c, None, *[1.0 + c.cell.seed / 100] * 4) for c in fabricate.cells(name, settings[1:])
        ]
    results += fabricate.cells("accumulate", settings[:1])
    results += fabricate.cells("verify_filter", settings[:1]) + fabricate.unsupported(
        "verify_filter", settings[1:], "verifier"
    )
    board = board_of(results)
    verify, group = fabricate.entry(board, "verify_filter"), board.groups[0]
    assert len(group.counting) == 2
    assert board.ranks.place(verify, group) == "part"
    assert board.ranks.rank(verify, group) is None
    assert board.scores.score(verify, group).of == group.counting[:1]


def test_the_best_are_those_that_nothing_tells_from_the_first(board_of):
    board = board_of(fabricate.everything())
    group = fabricate.group(board, "preserve", "theory")

    def best(track=""):
        return [entry.label for entry in board.ranks.best_of(board.ranks.ranked(group, track), group)]

    assert (best(), best("marked")) == (["token_edit"], [])
    assert best("blind") == ["accumulate", "accumulate_subsample"]


def test_only_the_defaults_of_a_method_are_ranked_while_they_are_there(board_of):
    early = {"environment": {"date": "2025-01-01"}}
    sweep = fabricate.cells("accumulate", LOOP, params={"most": 5}, worth=0.9)
    sweep += fabricate.cells("accumulate", LOOP, params={"most": 7}, worth=0.95, **early)
    with_default = board_of(fabricate.references(LOOP) + fabricate.cells("accumulate", LOOP) + sweep)
    assert ranks(with_default)["preserve", "theory"] == {"accumulate": 1}
    assert [e.label for e in with_default.ranks.placed(with_default.groups[0], "sweep")] == [
        "accumulate(most=7)",
        "accumulate(most=5)",
    ]


def test_without_the_defaults_the_first_that_came_is_ranked(board_of):
    early = {"environment": {"date": "2025-01-01"}}
    sweep = fabricate.cells("accumulate", LOOP, params={"most": 5}, worth=0.9)
    sweep += fabricate.cells("accumulate", LOOP, params={"most": 7}, worth=0.95, **early)
    assert ranks(board_of(fabricate.references(LOOP) + sweep))["preserve", "theory"] == {"accumulate(most=7)": 1}


# -- what buys no rank ---------------------------------------------------------------------------------


def only(board_of, *entrants):
    """A board with these entrants beside the references and two ordinary methods, and one without them."""
    usual = fabricate.references() + fabricate.cells("accumulate") + fabricate.cells("token_edit", worth=0.95)
    entries = [result for cells in entrants for result in cells]
    return board_of(usual + entries), board_of(usual)


def assert_unranked(board, label, words):
    entry = fabricate.entry(board, label)
    for group in board.groups:
        assert board.ranks.place(entry, group) == "named"
        assert board.ranks.rank(entry, group) is None
        assert words in board.ranks.called(entry, group.question)


def assert_nothing_changed(board, without):
    crowded, alone = said(board), said(without)
    assert {label: crowded[label] for label in alone} == alone
    assert verdicts(board, alone) == verdicts(without, alone)


def test_returning_the_real_data_is_the_same_as_frozen(board_of):
    board, without = only(board_of, fabricate.thaw())
    assert_unranked(board, "thaw", "the same losses as frozen, to the last bit")
    assert_nothing_changed(board, without)


def test_the_real_data_and_one_synthetic_row_are_real_rows_alone(board_of):
    one_row = fabricate.cells("frozen", name="seasoned", exact=False, real=0.9992, made=0.0008)
    board, without = only(board_of, one_row)
    assert_unranked(board, "seasoned", "trains on real rows alone")
    assert_nothing_changed(board, without)


@pytest.mark.parametrize(("real", "made", "few"), [(0.98, 0.02, "2%"), (0.0, 0.0, "0%")], ids=["one row", "noise"])
def test_the_real_data_with_one_synthetic_row_or_a_little_noise_make_no_entry(board_of, real, made, few):
    """One row beside fifty; rows of a method's own making, as with noise, are neither real nor a model's."""
    board, without = only(board_of, fabricate.cells("frozen", name="seasoned", exact=False, real=real, made=made))
    entry = fabricate.entry(board, "seasoned")
    called = {question: board.ranks.called(entry, question) for question in board.questions}
    assert called.pop("preserve") == f"trains on few model-made rows ({few})"
    assert set(called.values()) == {"trains on hardly a model-made row"}
    assert_nothing_changed(board, without)


def test_few_generated_rows_that_help_are_ranked(board_of):
    keen = fabricate.cells("detector", ["gaussian/purify"], worth=2.0, real=0.96, made=0.04)
    board, _ = only(board_of, keen)
    assert board.ranks.called(fabricate.entry(board, "detector"), "purify") == ""


def test_finding_the_real_rows_of_a_stream_is_what_purify_asks_for(board_of):
    keen = fabricate.cells("detector", ["gaussian/purify"], worth=2.0, real=1.0, made=0.0)
    board, _ = only(board_of, keen)
    assert board.ranks.called(fabricate.entry(board, "detector"), "purify") == ""


def test_a_copy_of_a_reference_is_one_whenever_it_came(board_of):
    early = [replace(r, cell=r.cell.changed(environment={"date": "2000-01-01"})) for r in fabricate.thaw()]
    board, _ = only(board_of, early)
    assert_unranked(board, "thaw", "the same losses as frozen, to the last bit")


def test_some_equal_cells_make_no_copy(board_of):
    cells = fabricate.cells("accumulate", name="second", seeds=[0])
    cells += fabricate.cells("accumulate", name="second", seeds=[1, 2], worth=0.7)
    board, _ = only(board_of, cells)
    assert [board.ranks.called(fabricate.entry(board, "second"), question) for question in board.questions] == [""] * 3


def test_two_hundred_copies_are_copies_and_change_nothing(board_of):
    copies = [fabricate.cells("accumulate", name=f"a_copy_{i:03}") for i in range(200)]
    later = {"environment": {"date": "2026-04-01"}}
    copies = [[replace(r, cell=r.cell.changed(**later)) for r in cells] for cells in copies]
    board, without = only(board_of, *copies)
    for i in (0, 1, 199):
        assert_unranked(board, f"a_copy_{i:03}", "the same losses as accumulate, to the last bit")
    assert {label for group in ranks(board).values() for label in group} == {"accumulate", "token_edit"}
    assert_nothing_changed(board, without)


def test_a_copy_that_did_not_run_everywhere_does_not_come_first(board_of):
    """A cell out of scope has no day, which is not the earliest of days."""
    original = fabricate.cells("accumulate")
    beyond = fabricate.cell(
        "accumulate", "arithmetic/grow", 0, name="late", status="unsupported", reason="needs it", finished=-1
    )
    beyond = replace(beyond, cell=beyond.cell.changed(environment={}))
    copies = [dated(cell, "2026-04-01") for cell in fabricate.cells("accumulate", ["gaussian/preserve"], name="late")]
    board = board_of(fabricate.references() + original + copies + [beyond])
    assert board.ranks.called(fabricate.entry(board, "accumulate"), "preserve") == ""
    assert board.ranks.called(fabricate.entry(board, "late"), "preserve").startswith("the same losses as accumulate")


def dated(cell, day):
    return replace(cell, cell=cell.cell.changed(environment={**cell.cell.environment, "date": day}))


def test_a_copy_with_less_to_show_unranks_nobody(board_of):
    """Not even with an earlier day: the original has losses that the copy lacks."""
    early = [
        replace(r, cell=r.cell.changed(environment={"date": "2000-01-01"}))
        for r in fabricate.cells("accumulate", ["gaussian/preserve"], name="herald")
    ]
    board, without = only(board_of, early)
    assert board.ranks.rank(fabricate.entry(board, "accumulate"), board.groups[0]) == 1
    assert_nothing_changed(board, without)
    assert board.ranks.called(fabricate.entry(board, "herald"), "preserve") == ""  # nobody came before it


def test_a_method_that_says_it_changed_nothing_is_called_so(board_of):
    idle = fabricate.cells("detector", LOOP, log={"changed": 0.0})
    busy = fabricate.cells("verify_filter", LOOP, log={"changed": 0.1})
    board = board_of(fabricate.references(LOOP) + idle + busy)
    assert board.ranks.called(fabricate.entry(board, "detector"), "preserve") == "changed nothing"
    assert board.ranks.called(fabricate.entry(board, "verify_filter"), "preserve") == ""


@pytest.mark.parametrize(("made", "words"), [(0.48, "trains on few model-made rows (48%)"), (0.5, "")])
def test_preserve_ranks_who_trains_on_the_rows_of_models(board_of, made, words):
    cells = fabricate.cells("detector", [*LOOP, "gaussian/purify"], real=0.3, made=made)
    board = board_of(fabricate.references([*LOOP, "gaussian/purify"]) + cells)
    assert board.ranks.called(fabricate.entry(board, "detector"), "preserve") == words
    assert board.ranks.called(fabricate.entry(board, "detector"), "purify") == ""


def test_one_wild_cell_buys_no_rank(board_of):
    """R is -1987 there: it must not share the first place because its noise hides every difference."""
    settings = ["gaussian/preserve", "arithmetic/preserve", "gaussian/purify"]
    wild = [
        fabricate.with_losses(r, None, 1e3, 1e3, 1e3, 1e3) if r.cell.seed == 1 else r
        for r in fabricate.cells("tempered", settings[:1], worth=0.4)
    ]
    board = board_of(fabricate.references(settings) + fabricate.cells("accumulate", settings, worth=0.9) + wild)
    group, tempered = board.groups[0], fabricate.entry(board, "tempered")
    assert -2 < board.scores.score(tempered, group).seeds.centre < -1  # that cell counts as the end of the curve
    assert board.scores.recovered(tempered, board.settings[0]).centre < -100
    assert board.ranks.rank(tempered, group) == 2


def test_no_entrant_changes_what_is_said_of_another(board_of):
    """Ranks count the better ones, so that those alone may change, and only by who is better."""
    everything = fabricate.everything()
    crowded = said(board_of(everything))
    for name in sorted({r.cell.method.name for r in everything if not r.cell.method.reference}):
        without = said(board_of([r for r in everything if r.cell.method.name != name]))
        for label, what in without.items():
            same = [part for place, part in enumerate(crowded[label]) if place != 3]
            assert same == [part for place, part in enumerate(what) if place != 3], (name, label)


def test_noise_in_one_of_many_cells_hides_no_difference(board_of):
    """With two settings in a group a wild seed makes every interval of differences wide enough to hold 0."""
    settings = ["gaussian/preserve", "gaussian/preserve-more"]
    honest = fabricate.cells("accumulate", settings, worth=0.62)
    wild = [
        fabricate.with_losses(r, None, 1e3, 1e3, 1e3, 1e3) if r.cell.seed == 1 else r
        for r in fabricate.cells("tempered", settings, worth=0.62)
    ]
    board = board_of(fabricate.references(settings) + honest + wild)
    (group,), (first, second) = board.groups, [fabricate.entry(board, name) for name in ("accumulate", "tempered")]
    assert board.scores.verdict(first, second, group) == "level"
    assert board.scores.score(second, group).seeds.half_width > 2
    assert (board.ranks.rank(first, group), board.ranks.rank(second, group)) == (1, 2)
    assert board.ranks.best_of(board.ranks.ranked(group), group) == [first]
