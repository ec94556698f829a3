"""What a set of sampled texts looks like: diversity, concentration, rare words, surprise under a fixed prior.

A number on held-out text alone does not show collapse: in a public log of Pythia-160m, trained on its own output for
ten generations, the perplexity on real text moves by 4 % while distinct-4 falls from .92 to .04.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch

from ..core.seeds import generator
from ..core.task import Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..core.corpus import Corpus
    from ..core.learner import Learner
    from ..core.task import Start

TOP = 100
"""Most frequent bigrams whose share is recorded."""

RARE = 0.05
"""Share of D_0's words that the rare ones make up together, at most."""

COMPARED = 128
"""Samples among which self-BLEU is computed; it grows with their number."""

PERCENTILES = (5, 25, 50, 75, 95)
"""Of the samples' NLL per token under M_0."""

STATISTICS: dict[str, Metric] = {
    "diversity_ratio": Metric(
        "entropy rate of the samples over that of held-out text: 1 is real, less narrow, more noise", 0
    ),
    "distinct_4_ratio": Metric("distinct 4-grams in the samples over those in as much held-out text", 0),
    **{
        f"distinct_{n}": Metric(f"distinct {n}-grams of the samples' tokens as a share of all", 0, 1)
        for n in (1, 2, 3, 4)
    },
    "self_bleu": Metric(f"mean BLEU (sacrebleu, 0 to 1) of {COMPARED} samples, each against all the others", 0, 1),
    "entropy": Metric("entropy of the samples' token frequencies, nats", 0),
    "top_bigrams": Metric(f"share of all the samples' bigrams that belongs to the {TOP} most frequent", 0, 1),
    "length": Metric("mean tokens per sample", 0),
    "rare_recall": Metric(
        f"share of D_0's rare words (the rarest, {RARE:.0%} of its words together) in the samples", 0, 1
    ),
    **{
        f"prior_nll_{p}": Metric(f"{p} % quantile of the samples' NLL per token under M_0, nats", 0)
        for p in PERCENTILES
    },
}
"""What these metrics are; for a task's card."""

Texts: TypeAlias = "Callable[[torch.Tensor], Sequence[str]]"
"""Decodes a token matrix `[n, L]`."""


def sample_statistics(
    samples: Corpus, start: Start, heldout: Variety, pad: int, texts: Texts | None = None
) -> dict[str, float]:
    """Every statistic of `STATISTICS`.

    Args:
        samples: column `tokens` int64 `[n, L]`; with a column `prompt_length`, prompts are left out of all statistics.
        start: D_0, for its rare words, and M_0, the fixed prior.
        heldout: of held-out real texts, about as many as there are samples.
        pad: the padding token.
        texts: decodes tokens, so that rare words are words; without it they are tokens.
    """
    tokens, real = answers(samples, pad), answers(start.corpus, pad)
    surprise = nll_per_token(start.model, samples, pad)
    spread = surprise.quantile(torch.tensor(PERCENTILES, dtype=surprise.dtype) / 100).tolist()
    return {
        **variety(samples, pad, len(heldout.matches)).relative_to(heldout),
        **{f"distinct_{n}": distinct(tokens, n, pad) for n in (1, 2, 3, 4)},
        "self_bleu": self_bleu(rows_without(chosen(tokens, COMPARED), pad)),
        "entropy": entropy(ngram_counts(tokens, 1, pad)),
        "top_bigrams": concentration(tokens, 2, pad, TOP),
        "length": float((tokens != pad).sum()) / len(tokens),
        "rare_recall": rare_recall(words(real, pad, texts), words(tokens, pad, texts), RARE),
        **{f"prior_nll_{p}": value for p, value in zip(PERCENTILES, spread, strict=True)},
    }


# -- token matrices ------------------------------------------------------------------------------


def answers(corpus: Corpus, pad: int) -> torch.Tensor:
    """The tokens `[n, L]` with each row's prompt, its first `prompt_length` tokens, replaced by padding."""
    tokens = corpus["tokens"]
    if "prompt_length" not in corpus.names:
        return tokens
    return tokens.masked_fill(torch.arange(tokens.shape[1]) < corpus["prompt_length"][:, None], pad)


def chosen(tokens: torch.Tensor, most: int) -> torch.Tensor:
    """At most `most` rows of `[n, L]`, the same ones each time."""
    return tokens[torch.randperm(len(tokens), generator=generator(0))[:most]]


def rows_without(tokens: torch.Tensor, pad: int) -> list[tuple[int, ...]]:
    """Each row of `[n, L]` as a tuple, without padding."""
    return [tuple(token for token in row if token != pad) for row in tokens.tolist()]


def ngram_counts(tokens: torch.Tensor, n: int, pad: int) -> torch.Tensor:
    """How often each distinct n-gram occurs within rows, int64, most frequent first.

    Args:
        tokens: int64 `[rows, L]`.
        n: tokens per n-gram; rows shorter than that have none.
        pad: n-grams that contain this token do not count.
    """
    if tokens.shape[1] < n:
        return torch.empty(0, dtype=torch.int64)
    grams = tokens.unfold(1, n, 1).reshape(-1, n)
    first, *others = grams[(grams != pad).all(1)].T
    size = int(tokens.max()) + 1 if tokens.numel() else 1
    codes = first
    for column in others:  # numbered anew at each step: sorting numbers is fast, sorting rows is not
        codes = torch.unique(codes, return_inverse=True)[1] * size + column
    _, counts = torch.unique(codes, return_counts=True)
    ordered: torch.Tensor = counts.sort(descending=True).values
    return ordered


def distinct(tokens: torch.Tensor, n: int, pad: int) -> float:
    """Distinct-n: distinct n-grams as a share of all n-grams (Li et al., arXiv:1510.03055); 0 if there are none."""
    counts = ngram_counts(tokens, n, pad)
    return len(counts) / max(1, int(counts.sum()))


def concentration(tokens: torch.Tensor, n: int, pad: int, top: int) -> float:
    """Share of all n-grams that belongs to the `top` most frequent; 0 if there are none.

    Synthetic text concentrates on fewer n-grams (Zhu et al., arXiv:2412.14689).
    """
    counts = ngram_counts(tokens, n, pad)
    return int(counts[:top].sum()) / max(1, int(counts.sum()))


def entropy(counts: torch.Tensor) -> float:
    """Entropy, nats, of outcomes with these counts `[k]`, each at least 1; 0 if there are none."""
    shares = counts.double() / max(1, int(counts.sum()))
    return float(-(shares * shares.log()).sum()) + 0.0


def rarefied(counts: torch.Tensor, m: int) -> float:
    """Expected number of distinct outcomes among m of the N = Σ counts, drawn without replacement (Hurlbert, 1971).

    Σ 1 − C(N − c, m) / C(N, m) over the counts c `[k]`. Sets of different sizes compare at one m.
    """
    total = int(counts.sum())
    others = total - counts.double()
    log_ways = torch.lgamma(others + 1) - torch.lgamma(others - m + 1)  # −inf where the others are fewer than m
    return float(len(counts) - (log_ways - math.lgamma(total + 1) + math.lgamma(total - m + 1)).exp().sum())


class Variety(NamedTuple):
    """What the diversity of some texts is computed from.

    matches: `running_match_lengths` of all tokens, one text after another, float64 `[tokens]`.
    grams: how often each distinct 4-gram occurs, int64 `[k]`.
    """

    matches: NDArray[np.float64]
    grams: torch.Tensor

    def relative_to(self, real: Variety) -> dict[str, float]:
        """`diversity_ratio` and `distinct_4_ratio` of these texts, each at the size of the smaller set; 0 for none.

        The first is a ratio of entropy rates. Texts that repeat each other, or themselves, fall below 1; errors that
        no real text holds lift it above 1, where more distinct n-grams look like a gain.
        """
        tokens = min(len(self.matches), len(real.matches))
        grams = min(int(self.grams.sum()), int(real.grams.sum()))
        return {
            "diversity_ratio": float(real.matches[tokens - 1] / self.matches[tokens - 1]) if tokens else 0.0,
            "distinct_4_ratio": rarefied(self.grams, grams) / rarefied(real.grams, grams) if grams else 0.0,
        }


def variety(corpus: Corpus, pad: int, most: int | None = None) -> Variety:
    """Of the texts in the column `tokens` `[n, L]`, ends included, prompts and padding left out.

    Args:
        corpus: the texts.
        pad: the padding token.
        most: tokens that matches are looked for among, from the first on; None for all.
    """
    from .entropy_rate import running_match_lengths  # a list of tasks reads `STATISTICS` and needs no numpy

    tokens = answers(corpus, pad)
    return Variety(running_match_lengths(tokens[tokens != pad][:most].numpy()), ngram_counts(tokens, 4, pad))


def self_bleu(rows: Sequence[tuple[int, ...]]) -> float:
    """Mean BLEU-4 of each row against all the others, 0 to 1 (Zhu et al., arXiv:1802.01886); 0 for a single row.

    As sacrebleu's sentence BLEU with its defaults (exponential smoothing, effective order) over the
    tokens, except that each row's n-grams are counted once instead of once per pair of rows.
    """
    from sacrebleu.metrics.bleu import BLEU

    if len(rows) < 2:
        return 0.0
    counts = [Counter(row[i : i + n] for n in (1, 2, 3, 4) for i in range(len(row) - n + 1)) for row in rows]
    largest = _two_largest(counts)
    total = 0.0
    for i, (row, grams) in enumerate(zip(rows, counts, strict=True)):
        correct, possible = [0] * 4, [0] * 4
        for gram, count in grams.items():
            first, second = largest[gram]
            correct[len(gram) - 1] += second if count == first else count  # at most as often as in any other row
            possible[len(gram) - 1] += count
        _, closest = min((abs(len(other) - len(row)), len(other)) for j, other in enumerate(rows) if j != i)
        total += BLEU.compute_bleu(
            correct, possible, len(row), closest, smooth_method="exp", effective_order=True
        ).score
    return total / len(rows) / 100


def _two_largest(counts: Iterable[Counter[tuple[int, ...]]]) -> dict[tuple[int, ...], tuple[int, int]]:
    """N-gram -> its largest and second largest count in a row; 0 where it is in one row only."""
    largest: dict[tuple[int, ...], tuple[int, int]] = {}
    for grams in counts:
        for gram, count in grams.items():
            first, second = largest.get(gram, (0, 0))
            largest[gram] = (count, first) if count > first else (first, max(second, count))
    return largest


# -- words ---------------------------------------------------------------------------------------


def words(tokens: torch.Tensor, pad: int, texts: Texts | None) -> Counter[Hashable]:
    """How often each word occurs: runs of letters and apostrophes in lower case, or tokens if there are no `texts`."""
    if texts is None:
        return Counter(tokens[tokens != pad].tolist())
    return Counter(re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", "\n".join(texts(tokens)).lower()))


def rare_recall(real: Counter[Hashable], sampled: Counter[Hashable], share: float) -> float:
    """Share of the distinct rare words of `real` that occur in `sampled`.

    Rare are the words of the lowest counts that make up at most `share` of all words together; words of
    one count are all rare or all not, and those of the lowest count always are.
    """
    rare = rare_words(real, share)
    return sum(word in sampled for word in rare) / max(1, len(rare))


def rare_words(counts: Counter[Hashable], share: float) -> set[Hashable]:
    """The rare words, as `rare_recall` defines them."""
    by_count = Counter(counts.values())
    total, mass, border = counts.total(), 0, min(by_count, default=0)
    for count, members in sorted(by_count.items()):
        mass += count * members
        if mass <= share * total:
            border = count
    return {word for word, count in counts.items() if count <= border}


# -- surprise under a fixed prior ----------------------------------------------------------------


def nll_per_token(model: Learner, corpus: Corpus, pad: int) -> torch.Tensor:
    """Each text's NLL under the model divided by its tokens, nats, float64 `[n]`; prompts do not count."""
    lengths = (answers(corpus, pad) != pad).sum(1).clamp(min=1)
    return -model.log_prob(corpus).double() / lengths


def histogram(values: torch.Tensor, low: float, high: float, bins: int) -> list[int]:
    """How many values `[n]` fall into each of `bins` equal bins over [low, high]; those outside go to the end bins."""
    places = ((values - low) / (high - low) * bins).long().clamp(0, bins - 1)
    return torch.bincount(places, minlength=bins).tolist()
