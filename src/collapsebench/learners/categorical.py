"""Next-token tables: one categorical distribution per context, fitted by counting."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import torch

from ..core.corpus import Corpus
from ..core.errors import Diverged, PluginError
from ..core.learner import Decoding, FitConfig, FitReport, Learner, Sites

_EDGE = 2.0**-32
"""Distance that uniform draws keep from 0 and 1, so that adding a context's number rounds none out of its context."""


class CategoricalLearner(Learner):
    """Empirical proportions of the tokens after each context. The one site of an example is its token.

    Reads the columns `context` and `token`, int64 `[n]`. A context without rows has the uniform
    distribution over all tokens, as every context has before the first fit.

    Args:
        contexts: number of contexts.
        tokens: number of tokens.
        smoothing: pseudo-count per context, spread evenly over all tokens (additive smoothing); with 0
            the tables are the plain proportions.
    """

    closed_form = True

    tables: torch.Tensor
    """Probability of each token after each context, float64 `[contexts, tokens]`."""

    def __init__(self, contexts: int, tokens: int, smoothing: float = 0.0) -> None:
        self._smoothing = smoothing
        self._counts, self.tables = _unfitted(contexts, tokens)

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """Count the (weighted) rows."""
        self._adopt(self._count(corpus))
        return FitReport(len(corpus))

    def extended(self, added: Corpus) -> CategoricalLearner:
        """This model with the counts of `added` added."""
        contexts, tokens = self._counts.shape
        other = CategoricalLearner(contexts, tokens, self._smoothing)
        other._adopt(self._counts + self._count(added))
        return other

    def state(self) -> dict[str, torch.Tensor]:
        """`counts`, float64 `[contexts, tokens]`."""
        return {"counts": self._counts}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        self._adopt(state["counts"])

    def _count(self, corpus: Corpus) -> torch.Tensor:
        contexts, tokens = self._counts.shape
        weights = None if corpus.weights is None else corpus.weights.to(torch.float64)
        flat = torch.add(corpus["token"], corpus["context"], alpha=tokens)
        counts = torch.bincount(flat, weights, minlength=contexts * tokens).to(torch.float64)
        if weights is not None and not counts.isfinite().all():
            raise Diverged("The row weights of a categorical fit are not finite.")
        return counts.view(contexts, tokens)

    def _adopt(self, counts: torch.Tensor) -> None:
        self._counts = counts
        tokens = counts.shape[1]
        if self._smoothing:
            counts = counts + self._smoothing / tokens
        totals = counts.sum(1, keepdim=True)
        self.tables = torch.where(totals > 0, counts / totals, 1.0 / tokens)

    # -- asking ----------------------------------------------------------------------------------

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """A token for each context of `conditions` (column `context`, n rows)."""
        if conditions is None:
            raise PluginError("A categorical model samples only with conditions.", "Pass a corpus of contexts.")
        contexts = conditions["context"]
        return Corpus({"context": contexts, "token": draw_outcomes(decoded(self.tables, decoding), contexts, rng)})

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log-probability of each token given its context, float `[n]`."""
        return self.tables[corpus["context"], corpus["token"]].log()

    def sites(self, corpus: Corpus) -> Sites:
        """The token of each example as its one editable site."""
        log_prob = self.log_prob(corpus).unsqueeze(1)
        return Sites(log_prob, torch.ones_like(log_prob, dtype=torch.bool))

    def resample(self, corpus: Corpus, mask: torch.Tensor, rng: torch.Generator, decoding: Decoding) -> Corpus:
        """The tokens under the mask (bool `[n, 1]`) drawn anew given their contexts."""
        tables = decoded(self.tables, decoding)
        drawn = draw_outcomes(tables, corpus["context"], rng)
        return corpus.with_columns(token=torch.where(mask.squeeze(1), drawn, corpus["token"]))


@cache  # a new learner is made in every generation
def _unfitted(contexts: int, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Counts and tables before any row was seen."""
    counts = torch.zeros(contexts, tokens, dtype=torch.float64)
    return counts, torch.full_like(counts, 1.0 / tokens)


def draw_outcomes(tables: torch.Tensor, contexts: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """One outcome per row of `contexts` by inverse cdf.

    Args:
        tables: probabilities, float64 `[c, k]`, at most 2^20 rows.
        contexts: which row of `tables` to draw from, int64 `[n]`.
        rng: gives one uniform number per draw.

    Returns:
        Outcomes, int64 `[n]`; one of probability 0 is never drawn.
    """
    rows, outcomes = tables.shape
    # Row i's cdf moved to (i, i + 1] makes one ascending sequence, so one search serves all contexts.
    ladder = tables.cumsum(1).add_(torch.arange(rows).unsqueeze(1)).flatten()
    uniform = torch.rand(len(contexts), dtype=torch.float64, generator=rng)
    steps = torch.searchsorted(ladder, uniform.clamp_(_EDGE, 1 - _EDGE).add_(contexts))
    return steps.sub_(contexts, alpha=outcomes)


def decoded(tables: torch.Tensor, decoding: Decoding) -> torch.Tensor:
    """Rows of probabilities `[c, k]` after temperature, then top-k, then top-p."""
    if decoding == Decoding():
        return tables
    if decoding.temperature != 1.0:
        tables = (tables.log() / decoding.temperature).softmax(1)
    if decoding.top_k is not None and decoding.top_k < tables.shape[1]:
        best = tables.topk(decoding.top_k, dim=1)
        tables = torch.zeros_like(tables).scatter_(1, best.indices, best.values)
    if decoding.top_p is not None:
        ordered = (tables / tables.sum(1, keepdim=True)).sort(dim=1, descending=True, stable=True)
        before = ordered.values.cumsum(1) - ordered.values
        kept = ordered.values.masked_fill(before >= decoding.top_p, 0.0)
        tables = torch.zeros_like(tables).scatter_(1, ordered.indices, kept)
    return tables / tables.sum(1, keepdim=True)
