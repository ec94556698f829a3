"""What a board tells its reader to do, as the records would have it one way or the other."""

from dataclasses import replace

import fabricate
import pytest

PRESERVE, PURIFY, GROW = "gaussian/preserve", "gaussian/purify", "arithmetic/grow"


def answer(board, setting):
    question = setting.partition("/")[2]
    (group,) = (group for group in board.groups if group.question == question)
    found = board.answers.answer(group)
    return (*(entry and entry.label for entry in (found.best, found.plain, found.do)), found.stands)


@pytest.mark.parametrize(
    ("setting", "worths", "expected"),
    [
        (PRESERVE, {"accumulate": 0.6}, ("accumulate", "frozen", "frozen", "worse")),
        (PRESERVE, {"accumulate": 0.6, "verify_filter": 1.5}, ("verify_filter", "frozen", "verify_filter", "better")),
        (PURIFY, {"accumulate": 2.5}, ("accumulate", "take_all", "accumulate", "better")),
        (PURIFY, {"accumulate": 1.4}, ("accumulate", "take_all", "take_all", "worse")),
        (PURIFY, {"take_all": 0.6, "accumulate": 0.8}, ("accumulate", "frozen", "frozen", "worse")),
        (PURIFY, {"take_all": 0.6, "accumulate": 1.4}, ("accumulate", "frozen", "accumulate", "better")),
        (GROW, {"take_all": 0.8, "verify_filter": 1.5}, ("verify_filter", "frozen", "verify_filter", "better")),
        (GROW, {"take_all": 1.9, "verify_filter": 1.5}, ("verify_filter", "take_all", "take_all", "worse")),
        (PURIFY, {"take_all": 1.02, "accumulate": 1.8}, ("accumulate", "take_all", "accumulate", "better")),
        (PURIFY, {}, (None, "take_all", "take_all", None)),
        (PURIFY, {"take_all": 0.6}, (None, "frozen", "frozen", None)),
    ],
)
def test_it_is_the_best_entry_only_where_that_is_better_than_anything_plain(board_of, setting, worths, expected):
    results = [r for r in fabricate.references([setting]) if r.cell.method.name not in worths or "curve" in r.place]
    results += [cell for name, worth in worths.items() for cell in fabricate.cells(name, [setting], worth=worth)]
    assert answer(board_of(results), setting) == expected


def test_level_is_not_better(board_of):
    board = board_of(fabricate.references([PRESERVE]) + fabricate.cells("accumulate", [PRESERVE], worth=1.0))
    assert answer(board, PRESERVE) == ("accumulate", "frozen", "frozen", "level")


def test_an_entry_has_to_beat_even_what_only_may_be_better(board_of):
    """Taking all is not told from the real rows alone, nor is the entry from taking all."""
    wild = [fabricate.cell("take_all", PURIFY, seed, worth=worth) for seed, worth in enumerate((0.7, 1.2, 2.8))]
    others = [r for r in fabricate.references([PURIFY]) if r.cell.method.name != "take_all"]
    board = board_of([*others, *wild, *fabricate.cells("accumulate", [PURIFY], worth=1.4)])
    assert answer(board, PURIFY) == ("accumulate", "take_all", "take_all", "level")


def test_without_a_curve_there_is_no_answer(board_of):
    board = board_of(fabricate.cells("accumulate", [PRESERVE]) + fabricate.cells("replace", [PRESERVE]))
    found = board.answers.answer(board.groups[0])
    assert (found.best, found.plain, found.do, found.stands) == (None, None, None, None)


def test_what_costs_nothing_has_the_tokens_of_frozen_and_no_help_from_outside(board_of):
    def dear(result):
        costs = [{**g.costs, "scored_tokens": g.costs["trained_tokens"] if g.t else 0} for g in result.generations]
        return replace(
            result, generations=tuple(g.changed(costs=c) for g, c in zip(result.generations, costs, strict=True))
        )

    results = fabricate.references([PRESERVE]) + fabricate.cells("tempered", [PRESERVE])
    results += fabricate.cells("verify_filter", [PRESERVE], worth=1.5)  # asks a verifier
    results += map(dear, fabricate.cells("accumulate", [PRESERVE], worth=1.4))
    board = board_of(results)
    assert board.answers.free(board.groups[0]).best.label == "tempered"
    assert board.answers.answer(board.groups[0]).best.label == "verify_filter"
    assert board.answers.cost(fabricate.entry(board, "accumulate")) == pytest.approx(2.0)
