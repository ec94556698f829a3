"""The answers of a board in words: of each question one that can be acted on, and a line for each suite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from . import tables
from .document import Block, Items, Prose, Span, Text, To, joined, marked
from .numbers import span, worth

if TYPE_CHECKING:
    from ..board import Board, Entry, Group
    from ..board.answers import Answer

ASKS = {
    "preserve": ("To preserve", "My model trains on its own outputs. What keeps it from decaying?"),
    "purify": ("On a polluted stream", "New data are partly generated and nobody says which. What keeps me learning?"),
    "grow": ("To grow", "I have little real data. Can generated data make my model better?"),
}
"""What each question is, in a word and as its reader asks it."""

PLAINLY = {
    ("preserve", "frozen"): "keep the real data and train on them alone",
    ("purify", "frozen"): "ignore the stream and keep to the real rows that you have",
    ("purify", "take_all"): "train on all that arrives",
    ("grow", "frozen"): "keep to the real rows that you have",
    ("grow", "take_all"): "train on all that is generated, beside the real rows",
}
"""(question, reference) -> what somebody does who does the same."""

NEEDS = {"marked": "needs marks on generated rows", "assisted": "needs a verifier, a reward or an outside model"}
"""What a method of a track asks for that not everybody has."""

STANDS = {"better": "better than", "level": "level with", "worse": "worse than"}

FREE = "What costs nothing"

WORTH = (
    "Numbers are worths: at 2 a method makes the real rows as good as twice as many; 1 is what they are worth alone."
)


def name(question: str) -> str:
    """`To preserve`."""
    return ASKS.get(question, (question,))[0]


def asks(question: str) -> str:
    """The question as its reader asks it; "" for one that this program does not know."""
    return ASKS.get(question, ("", ""))[1]


def in_full(board: Board) -> Iterator[Block]:
    """Every answer with a line for each suite, and what costs nothing."""
    yield Prose(WORTH)
    for question in board.questions:
        yield Prose(headline(board, question), aside=False)
        yield Items([_suite(board, group) for group in _groups(board, question)])
    yield Prose(free_headline(board), aside=False)
    lines = [(f"{name(question)}: ", _free_line(board, question), ".") for question in board.questions]
    yield Items(lines)


def in_brief(board: Board) -> Items:
    """Every answer in a sentence or two."""
    return Items([*(headline(board, question) for question in board.questions), free_headline(board)])


def headline(board: Board, question: str) -> Text:
    """What to do: one thing, or one for these suites and another for those; and what without marks or help."""
    answers = _answers(board, question)
    said = _acts(board, answers, len(answers)) or "no task counts yet, so that there is no answer"
    before = {e.label for q in board.questions[: board.questions.index(question)] for e in _used(_answers(board, q))}
    new = [entry for entry in _used(answers) if entry.label not in before]
    rules = [Span(f" {entry.label}: {_rule(entry)}", "aside") for entry in new]
    aided = [answer.group for answer in answers if answer.do and answer.do.track in NEEDS]
    unaided = _acts(board, [board.answers.unaided(group) for group in aided], len(answers))
    without = (" Without marks or help from outside: ", unaided, ".") if aided else ""
    return Span(f"{name(question)}:", "strong"), " ", said, ".", *rules, without


def _answers(board: Board, question: str) -> list[Answer]:
    """Of the suites that have one."""
    return [answer for group in _groups(board, question) if (answer := board.answers.answer(group)).do]


def _used(answers: Iterable[Answer]) -> list[Entry]:
    """The methods among what is to be done, each once."""
    return list({answer.do.label: answer.do for answer in answers if answer.do and not answer.do.reference}.values())


def _acts(board: Board, answers: Sequence[Answer], suites: int) -> Text:
    """What to do by suite, those together in which it is the same; what needs no method comes last, with the reason."""
    by_entry: dict[str, list[Answer]] = {}
    for answer in sorted(answers, key=lambda answer: answer.do is not None and answer.do.reference):
        if answer.do:
            by_entry.setdefault(answer.do.label, []).append(answer)
    everywhere = len(by_entry) == 1 and len(answers) == suites
    acts = joined("; ", [_act(board, same, everywhere) for same in by_entry.values()])
    plain = [answer for answer in answers if answer.do and answer.do.reference]
    ranked = any(answer.best for answer in plain)
    why = (": no method is shown to do better" if ranked else ": nobody is ranked yet") if plain else ""
    return (acts, why) if by_entry else ""


def _act(board: Board, same: Sequence[Answer], everywhere: bool) -> Text:
    """One thing to do, and the suites for which it is the answer."""
    do, where = same[0].do, f"in {_listed([answer.group.suite for answer in same])}"
    assert do is not None
    if not do.reference:
        use = ("use ", tables.linked(board, do, "strong"))
        return (*use, f" {where}") if everywhere else (f"{where} ", *use)
    act = Span(PLAINLY.get((same[0].group.question, do.label), f"do as {do.label} does"), "strong")
    return act if everywhere else (f"{where} ", act)


def _rule(entry: Entry) -> str:
    """What a method does, as its author says it, and what it asks for."""
    needs = f" It {NEEDS[entry.track]}." if entry.track in NEEDS else ""
    return f"{entry.method.description or entry.method.title}{needs}"


def _suite(board: Board, group: Group) -> Text:
    """The best entry of a suite, how it stands to doing nothing, and what not caring and real data are worth."""
    answer, suite = board.answers.answer(group), Span(group.suite, to=To("page", group.name))
    if not group.counting:
        return suite, ": no task of this suite counts here."
    if not answer.best:
        return suite, ": nobody is ranked yet."
    return (
        suite,
        ": ",
        _worth(board, answer.best, group),
        _standing(board, answer),
        _exception(board, answer),
        _others(answer),
        ".",
        _scale(board, answer),
    )


def _standing(board: Board, answer: Answer) -> Text:
    if not answer.plain or not answer.stands:
        return ""
    if answer.plain.label == "frozen":
        return f", {STANDS[answer.stands]} the real rows alone"
    return f", {STANDS[answer.stands]} ", _worth(board, answer.plain, answer.group)


def _exception(board: Board, answer: Answer) -> str:
    """Where an entry that is better on the whole is worth less than the real rows alone."""
    score = board.scores.score(answer.best, answer.group) if answer.best and answer.stands == "better" else None
    lowest = board.scores.worth(answer.best, score.worst) if answer.best and score else None
    if score is None or lowest is None or lowest.log2.centre >= 0:
        return ""
    return f", though {worth(lowest.log2.centre)} in {score.worst.name}"


def _others(answer: Answer) -> str:
    count = len(answer.level)
    return f"; {count} {'other is' if count == 1 else 'others are'} not told from it" if count else ""


def _scale(board: Board, answer: Answer) -> Text:
    """What the floor and the ceiling of a question are worth, unless that is what the best entry is set against."""
    world, plain = answer.group.settings[0].world, answer.plain.label if answer.plain else ""
    ends = (("Not caring", world.floor), ("Real rows instead", world.ceiling))
    found = [
        (words, entry)
        for words, label in ends
        if label not in ("frozen", plain)
        and (entry := board.reference(label))
        and board.scores.score(entry, answer.group)
    ]
    return joined("", [(f" {words}: ", _worth(board, entry, answer.group), ".") for words, entry in found])


def _worth(board: Board, entry: Entry, group: Group) -> Text:
    """A linked label and a worth; references as code."""
    score = board.scores.score(entry, group)
    label: Text = Span(entry.label, "code") if entry.reference else tables.linked(board, entry)
    return label, Span(f" {worth(score.seeds.centre)}", "number") if score else ""


def free_headline(board: Board) -> Text:
    """Where something that costs nothing is worth more than the real rows alone."""
    answers = [board.answers.free(group) for group in board.groups]
    ranked = [answer for answer in answers if answer.best]
    gains = [answer for answer in ranked if answer.stands == "better" and answer.best]
    words = "for about the tokens of `frozen`, without marks, verifier, reward or outside model,"
    said: Text
    if not ranked:
        said = marked(f"nobody is ranked who works {words.rstrip(',')}")
    elif not gains:
        said = marked(f"little: {words} no method is shown to be worth more than the real rows alone")
    else:
        said = (
            marked(f"{words} these are worth more than the real rows alone: "),
            joined(
                ", ",
                [
                    (_worth(board, a.best, a.group), f" ({name(a.group.question).lower()}, {a.group.suite})")
                    for a in gains
                    if a.best
                ],
            ),
        )
    return Span(f"{FREE}:", "strong"), " ", said, "."


def _free_line(board: Board, question: str) -> Text:
    """The best in each suite of what costs nothing."""
    answers = [board.answers.free(group) for group in _groups(board, question)]
    found = [(_worth(board, a.best, a.group), f" in {a.group.suite} ({a.stands})") for a in answers if a.best]
    return joined(", ", found) if found else "nobody is ranked who costs nothing"


def told_apart(board: Board, group: Group) -> Text:
    """The answer of a group in full: intervals, and who is not told from whom."""
    answer = board.answers.answer(group)
    if not answer.best:
        return ""
    score = board.scores.score(answer.best, group)
    interval = Span(f" {span(score.seeds)}", "number") if score else ""
    others: Text = ", told apart from all others that are ranked"
    if answer.level:
        others = (", not told from ", joined(", ", [tables.linked(board, entry) for entry in answer.level]))
    elif len(board.ranks.ranked(group)) == 1:
        others = ", and nobody else is ranked"
    track = f" (track {answer.best.track})"
    return "Best: ", _worth(board, answer.best, group), interval, track, _standing(board, answer), others, "."


def _groups(board: Board, question: str) -> list[Group]:
    return [group for group in board.groups if group.question == question]


def _listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
