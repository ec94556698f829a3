import math

import pytest
import torch

from collapsebench import Corpus, Decoding, FitConfig, PluginError
from collapsebench.learners.grammar.choice import Choice
from collapsebench.learners.grammar.learner import GrammarLearner
from collapsebench.learners.grammar.program import Grammar

COLOUR = Choice({"red": 3, "blue": 1})


def twice():
    """ "a red red" with probability 3/4, "a blue blue" with 1/4."""
    yield "a"
    colour = yield COLOUR
    yield colour


TWICE = GrammarLearner(Grammar(twice), 6)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def corpus(*texts: str) -> Corpus:
    return Corpus({"tokens": TWICE.lexicon.encode([text.split() for text in texts], 6)})


MIXED = corpus("a red red </s>", "a blue blue </s>", "a red blue </s>", "a red red", "a red red </s> a")


def test_probabilities_by_hand() -> None:
    assert TWICE.log_prob(MIXED).tolist() == pytest.approx([math.log(3 / 4), math.log(1 / 4), *3 * [-math.inf]])
    assert TWICE.valid(MIXED).tolist() == [True, True, False, False, False]


def test_sites_by_hand() -> None:
    log_prob, editable = TWICE.sites(MIXED)
    red = math.log(3 / 4)
    assert log_prob[0].tolist() == pytest.approx([0, red, 0, 0, 0, 0])
    assert log_prob[2].tolist() == pytest.approx([0, red, -math.inf, -math.inf, 0, 0])
    assert editable[0].tolist() == [False, True, True, True, False, False]
    assert editable[2].tolist() == [False, True, True, False, False, False]
    assert editable[3].tolist() == [False, True, True, False, False, False]


def test_resampling_is_given_the_original_words() -> None:
    many = MIXED.select(torch.zeros(4000, dtype=torch.int64))
    everywhere = many["tokens"] != 0
    edited = TWICE.lexicon.decode(TWICE.resample(many, everywhere, rng(), Decoding())["tokens"])
    assert all(words[2] == "red" for words in edited)  # whatever was drawn before it
    blue = sum(words[1] == "blue" for words in edited) / 4000
    assert abs(blue - 1 / 4) < 4 * math.sqrt(3 / 16 / 4000)
    greedy = TWICE.resample(many, everywhere, rng(), Decoding(top_k=1))
    assert torch.equal(greedy["tokens"], many["tokens"])


def test_samples_follow_their_stream_and_decoding() -> None:
    drawn = TWICE.sample(1000, rng(), Decoding())
    assert TWICE.valid(drawn).all()
    assert torch.equal(drawn["tokens"], TWICE.sample(1000, rng(), Decoding())["tokens"])
    assert len({*map(tuple, TWICE.lexicon.decode(TWICE.sample(50, rng(), Decoding(top_k=1))["tokens"]))}) == 1


def test_what_a_grammar_cannot_do_is_refused() -> None:
    with pytest.raises(PluginError, match="cannot be fitted"):
        TWICE.fit(MIXED, FitConfig(rng(), steps=1))
    with pytest.raises(PluginError, match="7 words where 6 fit"):
        corpus("a a a a a a a")
