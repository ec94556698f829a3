import math
from collections import Counter

import pytest
import torch

from collapsebench import Corpus, Start
from collapsebench.scoring import text
from collapsebench.scoring.text import concentration, distinct, ngram_counts

ROWS = torch.tensor([[3, 4, 3, 4], [3, 4, 5, 0]])
"""Bigrams: 34 43 34, and 34 45 (the third holds padding)."""


class Uniform:
    """A model that gives every token the probability 1/8."""

    def log_prob(self, corpus):
        return -math.log(8) * (text.answers(corpus, 0) != 0).sum(1)


def test_bigrams_by_hand():
    assert ngram_counts(ROWS, 2, pad=0).tolist() == [3, 1, 1]
    assert distinct(ROWS, 2, pad=0) == pytest.approx(3 / 5)
    assert concentration(ROWS, 2, pad=0, top=1) == pytest.approx(3 / 5)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_ngrams_are_those_of_a_plain_count(n):
    rows = torch.randint(0, 4, (30, 12), generator=torch.Generator().manual_seed(n)) * 70_000
    grams = Counter(tuple(row[i : i + n]) for row in rows.tolist() for i in range(13 - n) if 0 not in row[i : i + n])
    assert ngram_counts(rows, n, pad=0).tolist() == sorted(grams.values(), reverse=True)


def test_rows_of_padding_have_none():
    nothing = torch.zeros(2, 4, dtype=torch.int64)
    assert (distinct(nothing, 1, pad=0), concentration(nothing, 1, pad=0, top=5)) == (0.0, 0.0)
    assert ngram_counts(nothing, 5, pad=0).tolist() == []


def test_entropy_by_hand():
    assert text.entropy(torch.tensor([2, 1, 1])) == pytest.approx(1.5 * math.log(2))
    assert text.entropy(torch.tensor([7])) == 0.0
    assert text.entropy(torch.empty(0, dtype=torch.int64)) == 0.0


def test_self_bleu_by_hand():
    assert text.self_bleu([(1, 2, 3, 4, 5)] * 3) == pytest.approx(1)
    assert text.self_bleu([(1, 2, 3, 4), (5, 6, 7, 8)]) == 0
    assert text.self_bleu([(1, 2, 3, 4)]) == 0
    # Each matches 2 of 3 tokens and 1 of 2 pairs; of the single triple half of nothing is smoothed to 1/2.
    assert text.self_bleu([(1, 2, 3), (1, 2, 4)]) == pytest.approx((2 / 3 * 1 / 2 * 1 / 2) ** (1 / 3))


def test_self_bleu_is_sacrebleu_of_each_row_against_the_others():
    bleu = pytest.importorskip("sacrebleu.metrics").BLEU(tokenize="none", effective_order=True)
    rng = torch.Generator().manual_seed(1)
    rows = [tuple(torch.randint(0, 5, (length,), generator=rng).tolist()) for length in (3, 9, 9, 12, 20, 1)]
    lines = [" ".join(map(str, row)) for row in rows]
    scores = [bleu.sentence_score(line, lines[:i] + lines[i + 1 :]).score for i, line in enumerate(lines)]
    assert text.self_bleu(rows) == pytest.approx(sum(scores) / len(scores) / 100)


def test_rare_words_by_hand():
    counts = Counter({"a": 92, "b": 3, "c": 2, "d": 1, "e": 1, "f": 1})
    assert text.rare_words(counts, 0.05) == {"c", "d", "e", "f"}
    assert text.rare_words(counts, 0.04) == {"d", "e", "f"}  # c would make it five of a hundred
    assert text.rare_words(counts, 0.0) == {"d", "e", "f"}  # those of the lowest count always are
    assert text.rare_recall(counts, Counter("acef"), 0.05) == 0.75
    assert text.rare_words(Counter(), 0.05) == set()


def test_words_are_tokens_or_those_of_the_decoded_text():
    assert text.words(ROWS, 0, None) == {3: 3, 4: 3, 5: 1}
    said = text.words(ROWS, 0, lambda tokens: ["The cat's hat.", "the 2 hats"])
    assert said == {"the": 2, "cat's": 1, "hat": 1, "hats": 1}


def test_the_histogram_keeps_what_lies_outside_in_its_end_bins():
    values = torch.tensor([-5.0, 0.0, 0.9, 1.0, 2.5, 4.0, 99.0])
    assert text.histogram(values, 0, 4, bins=4) == [3, 1, 1, 2]


def test_prompts_do_not_count():
    prompted = Corpus({"tokens": torch.tensor([[7, 7, 3, 4], [7, 3, 4, 0]]), "prompt_length": torch.tensor([2, 1])})
    assert text.answers(prompted, 0).tolist() == [[0, 0, 3, 4], [0, 3, 4, 0]]
    assert text.nll_per_token(Uniform(), prompted, 0).tolist() == pytest.approx([math.log(8)] * 2)


def test_the_expected_number_of_distinct_outcomes_by_hand():
    """Of two a and one b, two draws hold b with probability 2/3, and one outcome else; three draws hold both."""
    counts = torch.tensor([2, 1])
    assert [text.rarefied(counts, m) for m in (1, 2, 3)] == pytest.approx([1, 5 / 3, 2])
    few = torch.tensor([3, 1, 1, 1])
    drawn = torch.stack([torch.tensor([0, 0, 0, 1, 2, 3])[torch.randperm(6)[:3]] for _ in range(4000)])
    distinct = torch.tensor([float(len(row.unique())) for row in drawn])
    assert abs(text.rarefied(few, 3) - distinct.mean()) < 4 * distinct.std() / math.sqrt(4000)


def test_diversity_of_two_small_texts_by_hand():
    """abcd has match lengths 1 1 1 1 and one 4-gram; abab 1 1 3 2 and one."""
    real, looped = (text.variety(Corpus({"tokens": torch.tensor([row])}), 0) for row in ([3, 4, 5, 6], [3, 4, 3, 4]))
    logs = [math.log2(place + 1) for place in (1, 2, 3, 4)]
    rate = 4 / sum(1 / log for log in logs), 4 / sum(match / log for match, log in zip((1, 1, 3, 2), logs, strict=True))
    assert looped.relative_to(real) == pytest.approx({"diversity_ratio": rate[1] / rate[0], "distinct_4_ratio": 1})
    assert real.relative_to(real) == {"diversity_ratio": 1, "distinct_4_ratio": 1}
    nothing = text.variety(Corpus({"tokens": torch.zeros(2, 4, dtype=torch.int64)}), 0)
    assert nothing.relative_to(real) == {"diversity_ratio": 0, "distinct_4_ratio": 0}


def walks(n: int, seed: int) -> torch.Tensor:
    """Texts of 40 tokens, each one of three that may follow the token before it."""
    rng = torch.Generator().manual_seed(seed)
    steps = torch.randint(1, 4, (n, 40), generator=rng)
    return steps.cumsum(1) % 50 + 3


def of(tokens: torch.Tensor) -> text.Variety:
    return text.variety(Corpus({"tokens": tokens}), 0)


def test_texts_of_one_law_are_as_diverse_as_each_other():
    ratios = of(walks(300, 1)).relative_to(of(walks(200, 2)))
    assert ratios == pytest.approx({"diversity_ratio": 1, "distinct_4_ratio": 1}, abs=0.03)


def test_repeating_one_text_is_narrow_and_errors_are_noise():
    real, tokens = of(walks(200, 2)), walks(200, 1)
    assert all(ratio < 0.1 for ratio in of(tokens[:1].expand(200, -1)).relative_to(real).values())
    few = of(tokens[torch.randint(20, (200,), generator=torch.Generator().manual_seed(5))]).relative_to(real)
    assert 0.1 < few["diversity_ratio"] < 0.7
    wrong = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(3)) < 0.2
    noisy = torch.where(wrong, torch.randint(3, 53, tokens.shape, generator=torch.Generator().manual_seed(4)), tokens)
    assert of(noisy).relative_to(real)["diversity_ratio"] > 1.3


def test_the_diversity_of_answers_does_not_count_their_prompts():
    tokens, prompts = walks(100, 1), torch.randint(3, 53, (100, 20))
    both = Corpus({"tokens": torch.cat([prompts, tokens], 1), "prompt_length": torch.full((100,), 20)})
    assert text.variety(both, 0).relative_to(of(tokens)) == {"diversity_ratio": 1, "distinct_4_ratio": 1}


def test_all_statistics_of_a_set_of_samples():
    samples, real = Corpus({"tokens": ROWS}), Corpus({"tokens": torch.tensor([[3, 3, 3, 3], [4, 4, 5, 6]])})
    found = text.sample_statistics(samples, Start(real, Uniform), text.variety(samples, 0), pad=0)
    assert found["diversity_ratio"] == found["distinct_4_ratio"] == 1
    assert found.keys() == text.STATISTICS.keys()
    assert found["distinct_1"] == pytest.approx(3 / 7)
    assert found["length"] == 3.5
    assert found["top_bigrams"] == 1.0
    assert found["rare_recall"] == 0.5  # 5 and 6 occur once in D_0; 5 occurs in the samples
    assert [found[f"prior_nll_{q}"] for q in (5, 25, 50, 75, 95)] == pytest.approx([math.log(8)] * 5)
