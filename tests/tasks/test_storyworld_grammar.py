import importlib
import math
from statistics import fmean, stdev

import pytest
import torch

from collapsebench.core.task import TASKS
from collapsebench.learners.grammar.choice import Choice
from collapsebench.learners.grammar.program import END, Grammar, uniforms

stories = importlib.import_module(TASKS.get("storyworld").__module__.replace(".task", ".story"))
STORIES: Grammar = stories.STORIES

LOST = (
    "once there was a brave girl named Ivy . her friend Spot was a bird . one day she put her red kite in the box . "
    "they went to the park . later she looked under the bed . it was not there . "
    "Spot flew home and found it in the box . Ivy was very happy . they ate cake together . </s>"
)


@pytest.fixture(scope="module")
def samples() -> list[list[str]]:
    numbers = uniforms(torch.Generator().manual_seed(1))
    return [STORIES.draw(numbers) for _ in range(3000)]


def test_the_probability_of_a_story_is_the_product_of_its_choices() -> None:
    chosen = [
        (stories.OPENING, "once there was a"),
        (stories.NATURE, "brave"),
        (stories.KIND, "girl"),
        (stories.NAME["girl"], "Ivy"),
        (stories.PET, "Spot"),
        (stories.ANIMAL, "bird"),
        (stories.TIME, "day"),
        (stories.PLOT, "put"),
        (stories.COLOUR, "red"),
        (stories.THING, "kite"),
        (stories.SPOT, "in the box"),
        (stories.GO, "went"),
        (stories.PLACE, "park"),
        (stories.LATER, "later"),
        (stories.SEARCH, "looked"),
        (stories.SPOT, "under the bed"),
        (stories.JOY, "was very"),
        (stories.GLADNESS, "happy"),
        (stories.CLOSING, "ate cake"),
        (stories.WITH, "together"),
    ]
    product = math.prod(choice.probabilities[phrase] for choice, phrase in chosen)
    assert STORIES.log_prob(LOST.split()) == pytest.approx(math.log(product))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("found it in the box", "found it under the bed"),  # it was put in the box
        ("looked under the bed", "looked in the box"),  # where it is, so that it would be found
        ("Ivy was very", "Lily was very"),
        ("a brave girl", "a brave boy"),  # then he has another name
        ("she put her", "he put her"),
        ("Spot flew home", "Spot ran home"),  # a bird flies
        ("named Ivy", "named Xaver"),
        ("together . </s>", "together ."),
        ("together . </s>", "together </s>"),
        ("together . </s>", ". </s>"),
    ],
)
def test_inconsistent_or_truncated_stories_are_invalid(old: str, new: str) -> None:
    assert LOST.count(old) == 1
    assert STORIES.log_prob(LOST.replace(old, new).split()) == -math.inf


def test_every_story_is_read_back_and_their_mean_nll_is_the_entropy(samples: list[list[str]]) -> None:
    nll = [-STORIES.log_prob(words) for words in samples]
    assert all(math.isfinite(value) for value in nll)
    assert abs(fmean(nll) - STORIES.entropy) < 4 * stdev(nll) / math.sqrt(len(nll))
    lengths = [len(words) for words in samples]
    assert abs(fmean(lengths) - STORIES.expectations.words) < 4 * stdev(lengths) / math.sqrt(len(lengths))
    assert max(lengths) <= stories.LONGEST


def test_at_each_point_the_words_that_may_follow_have_probability_one(samples: list[list[str]]) -> None:
    for words in samples[:100]:
        for node in STORIES.derive(words).nodes:
            assert math.fsum(math.exp(branch.log_prob) for branch in node.branches.values()) == pytest.approx(1)


def test_neutral_choices_are_neutral(samples: list[list[str]]) -> None:
    """Whatever phrase a neutral choice gets, later choices have the same entropy and as many words follow."""
    for words in samples[:30]:
        chosen, _ = replay(words, {})
        for place, (choice, phrase) in enumerate(chosen):
            if choice.neutral:
                other = next(other for other in choice.probabilities if other != phrase)
                again, text = replay(words, {place: other})
                assert [c.entropy for c, _ in again] == [c.entropy for c, _ in chosen]
                assert len(text) - len(other.split()) == len(words) - len(phrase.split())
                assert set(text) <= {*STORIES.expectations.vocabulary, END}


def replay(words: list[str], instead: dict[int, str]) -> tuple[list[tuple[Choice, str]], list[str]]:
    """The choices of a story, some of them changed, and its words."""
    phrases, text, chosen = iter(phrases_of(words)), [], []
    steps = stories.story()
    step = next(steps)
    while True:
        try:
            if isinstance(step, str):
                text += step.split()
                step = next(steps)
            else:
                phrase = instead.get(len(chosen), next(phrases))
                chosen.append((step, phrase))
                text += phrase.split()
                step = steps.send(phrase)
        except StopIteration:
            return chosen, [*text, END]


def phrases_of(words: list[str]) -> list[str]:
    """The phrases that were chosen in a story."""
    found: list[str] = []

    def watched():
        steps, answer = stories.story(), None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return
            answer = yield step
            if isinstance(step, Choice):
                found.append(answer)

    assert Grammar(watched).derive(words).complete
    return found


def test_the_language_is_what_was_planned(samples: list[list[str]]) -> None:
    """About 250 words, two thirds of them certain, and rare names that nevertheless occur."""
    assert 230 <= len(STORIES.expectations.vocabulary) <= 270
    assert len(set(stories.RARE_NAMES)) == 40
    sites = [
        node.branches[word].log_prob
        for words in samples
        for node, word in zip(STORIES.derive(words).nodes, words, strict=True)
    ]
    assert 0.6 < fmean(site >= math.log(0.99) for site in sites) < 0.75
    assert 0.14 < fmean(not set(stories.RARE_NAMES).isdisjoint(words) for words in samples) < 0.19
    sentences = [sum(word in ".!" for word in words) - (words.count('"') > 0) for words in samples]
    assert set(sentences) <= {7, 8, 9}


def test_stories_read_well() -> None:
    assert stories.readable(LOST.split()).startswith(
        "Once there was a brave girl named Ivy. Her friend Spot was a bird. One"
    )
    quoted = 'she was sad . " help me ! " said Ivy . Spot flew up and got it . </s>'
    assert stories.readable(quoted.split()) == 'She was sad. "Help me!" said Ivy. Spot flew up and got it.'
