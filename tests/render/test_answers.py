"""The answers in words: they say what the records say, and something else of other records."""

import re

import fabricate
import pytest

from collapsebench.render import answers, markdown
from collapsebench.render.files import load_view

PRESERVE, PURIFY, GROW = "gaussian/preserve", "gaussian/purify", "arithmetic/grow"


@pytest.fixture
def told(tmp_path):
    """The answers to records: references in their settings, and methods with what they are worth there."""

    def of(settings, *cells):
        names = {cell.cell.method.name for cell in cells}
        references = [r for r in fabricate.references(settings) if r.cell.method.name not in names]
        for path in tmp_path.glob("records/*"):
            path.unlink()
        board = load_view(fabricate.board(tmp_path, [*references, *cells])).board
        return markdown.part(list(answers.in_full(board)), "").split("\n\n")[1:]

    return of


def one(setting, **worths):
    return [cell for name, worth in worths.items() for cell in fabricate.cells(name, [setting], worth=worth)]


def test_where_nothing_beats_the_real_rows_it_says_keep_them(told):
    head, suites, *_ = told([PRESERVE], *one(PRESERVE, accumulate=0.6))
    assert head == "**To preserve:** **keep the real data and train on them alone**: no method is shown to do better."
    assert suites == (
        "- [theory](preserve-theory.md): [accumulate](#entry-accumulate) 0.61, worse than the real rows alone. "
        "Not caring: `replace` 0.29."
    )


def test_a_method_that_is_better_is_named_with_its_rule_and_what_it_needs(told):
    head, suites, *_ = told([PRESERVE], *one(PRESERVE, accumulate=0.6, verify_filter=1.5))
    assert head.startswith("**To preserve:** use **[verify_filter](#entry-verify-filter)** in theory.")
    assert head.endswith(
        "A line that says what D_t is. It needs a verifier, a reward or an outside model. "
        "Without marks or help from outside: **keep the real data and train on them alone**: "
        "no method is shown to do better."
    )
    assert "1.5" in suites and "better than the real rows alone." in suites


def test_without_help_the_best_of_the_others_is_the_answer_where_it_is_better(told):
    head, *_ = told([PRESERVE], *one(PRESERVE, accumulate=1.3, verify_filter=1.9))
    assert head.endswith("Without marks or help from outside: use **[accumulate](#entry-accumulate)** in theory.")
    assert "Without" not in told([PRESERVE], *one(PRESERVE, accumulate=1.9, verify_filter=1.3))[0]


def test_level_is_said_to_be_level_and_others_are_counted(told):
    _, suites, *_ = told([PRESERVE], *one(PRESERVE, accumulate=1.0))
    assert "level with the real rows alone. Not" in suites
    _, suites, *_ = told([PRESERVE], *one(PRESERVE, accumulate=0.62, accumulate_subsample=0.62))
    assert "; 1 other is not told from it." in suites


def test_a_setting_in_which_the_best_loses_is_named(told):
    settings = [PRESERVE, "gaussian/preserve-more"]
    worths = [*one(PRESERVE, accumulate=3.0), *one("gaussian/preserve-more", accumulate=0.7)]
    _, suites, *_ = told(settings, *worths)
    assert re.search(r"better than the real rows alone, though 0\.7\d* in gaussian/preserve-more\.", suites)
    assert (
        "though"
        not in told(settings, *one(PRESERVE, accumulate=3.0), *one("gaussian/preserve-more", accumulate=1.2))[1]
    )


def test_the_rule_of_a_method_is_told_once(told):
    cells = one(PRESERVE, verify_filter=1.5) + one(GROW, verify_filter=2.5)
    preserve, _, grow, *_ = told([PRESERVE, GROW], *cells)
    assert "verify_filter: A line that says what D_t is." in preserve
    assert "use **[verify_filter]" in grow and "A line that says" not in grow


def test_suites_that_differ_get_different_answers(told):
    cells = one(PRESERVE, accumulate=0.6) + one("arithmetic/preserve", accumulate=1.6)
    head, suites, *_ = told([PRESERVE, "arithmetic/preserve"], *cells)
    assert head.startswith(
        "**To preserve:** in language use **[accumulate](#entry-accumulate)**; in theory **keep the real data and "
        "train on them alone**: no method is shown to do better. accumulate: A line"
    )
    assert [line.partition("]")[0] for line in suites.splitlines()] == ["- [theory", "- [language"]


@pytest.mark.parametrize(
    ("worths", "says"),
    [
        ({"take_all": 1.9}, "**train on all that arrives**: nobody is ranked yet"),
        ({"take_all": 1.9, "accumulate": 1.2}, "**train on all that arrives**: no method is shown to do better"),
        ({"take_all": 0.5}, "**ignore the stream and keep to the real rows that you have**: nobody is ranked yet"),
        ({"take_all": 0.5, "accumulate": 1.4}, "use **[accumulate](#entry-accumulate)** in theory"),
    ],
)
def test_on_a_stream_taking_all_is_an_answer_where_it_pays(told, worths, says):
    assert told([PURIFY], *one(PURIFY, **worths))[0].startswith(f"**On a polluted stream:** {says}.")


def test_a_suite_without_resolution_and_one_without_entries_are_said(told):
    head, suites, *_ = told(["kde/preserve"], *one("kde/preserve", accumulate=0.6))
    assert head == "**To preserve:** no task counts yet, so that there is no answer."
    assert suites == "- [theory](preserve-theory.md): no task of this suite counts here."
    assert told([PRESERVE])[1] == "- [theory](preserve-theory.md): nobody is ranked yet."


def test_what_costs_nothing_turns_with_the_records(told):
    *_, head, lines = told([PRESERVE], *one(PRESERVE, accumulate=0.6, verify_filter=1.5))
    assert head.startswith("**What costs nothing:** little: ")
    assert lines == "- To preserve: [accumulate](#entry-accumulate) 0.61 in theory (worse)."
    *_, head, lines = told([PRESERVE], *one(PRESERVE, accumulate=1.6))
    assert head.endswith("more than the real rows alone: [accumulate](#entry-accumulate) 1.60 (to preserve, theory).")
    *_, head, lines = told([PRESERVE], *one(PRESERVE, verify_filter=1.6))
    assert "nobody is ranked who works for about the tokens of `frozen`" in head
    assert lines == "- To preserve: nobody is ranked who costs nothing."


def pairs(paragraphs):
    """(line, label) -> number, of all numbers that follow a label."""
    lines = [line for paragraph in paragraphs for line in paragraph.splitlines()]
    found = [
        (line.partition(":")[0], re.findall(r"[\[`](\w+)(?:\]\(#entry-[\w-]+\)|`) ([\d.]+\d)", line)) for line in lines
    ]
    return {(head, label): number for head, several in found for label, number in several}


def test_no_number_of_an_entry_changes_when_another_enters(told):
    settings = [PRESERVE, PURIFY, GROW]
    before = [cell for setting in settings for cell in one(setting, accumulate=0.6, detector=1.2, real_mix=0.9)]
    after = [cell for setting in settings for cell in one(setting, verify_filter=3.0, tempered=1.1)]
    alone, together = pairs(told(settings, *before)), pairs(told(settings, *before, *after))
    shared = alone.keys() & together.keys()
    assert len(shared) >= 5
    assert {key: alone[key] for key in shared} == {key: together[key] for key in shared}
    assert {label for _, label in together} - {label for _, label in alone} >= {"verify_filter"}


def test_words_of_a_record_stay_words(told):
    cells = one(PRESERVE, verify_filter=1.5)
    evil = [
        type(cell)(cell.cell.changed(method=cell.cell.method.changed(description="<b>[x](y)</b>")), cell.generations)
        for cell in cells
    ]
    assert r"\<b\>\[x\](y)\</b\>" in told([PRESERVE], *evil)[0]
