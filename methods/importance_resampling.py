from __future__ import annotations

import torch

from collapsebench import Context, Corpus, Count, Filter, MethodCard, Multiple, Positive, method, weighted_places

MULTIPLIER = 0x9E3779B97F4A7C15 - 2**64
"""Odd and without pattern: spreads neighbouring codes over the high bits (Fibonacci hashing)."""


@method("importance_resampling")
class ImportanceResampling(Filter):
    """Train on candidates, one of two, that are drawn to match the n-grams of the real data (DSIR).

    The weight of an example is p(its n-grams) / q(its n-grams) with p the n-gram shares in D_0 and q those in the
    candidates, both over hash buckets; examples are drawn without replacement in proportion to it, by the largest of
    log weight + Gumbel noise.

    Args:
        memory: what they are trained with; `accumulate` by default: candidates that fit D_0 add to it, and do not
            stand for it.
        candidates: one row in so many is kept; where S_t alone arrives, more draws make it so many times n rows.
        ngram: longest n-gram.
        buckets: hash buckets.
        smoothing: added to every share.
    """

    candidates: Multiple = 2.0
    ngram: Count = 2
    buckets: Count = 10_000
    smoothing: Positive = 1e-8

    card = MethodCard(
        title="Importance resampling (DSIR)", paper="arXiv:2302.03169", access={"history"}, needs={"tokens"}
    )

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        pool = ctx.candidates(round(self.candidates * ctx.n))
        log_weights = self._log_weights(pool, ctx.trusted)
        chosen = weighted_places(log_weights, max(1, round(len(pool) / self.candidates)), ctx.rng)
        ctx.log("log_weight_before", log_weights.mean().item())
        ctx.log("log_weight_after", log_weights[chosen].mean().item())
        return ctx.remember(pool.select(chosen), self.memory)

    def _log_weights(self, pool: Corpus, target: Corpus) -> torch.Tensor:
        """Log importance weight log p - log q of each example of the pool, float64 `[n]`."""
        grams, known = (ngrams(corpus, self.ngram, self.buckets) for corpus in (pool, target))
        p, q = (torch.bincount(found.flatten(), minlength=self.buckets + 1)[:-1].double() for found in (known, grams))
        ratio = torch.log(p / p.sum() + self.smoothing) - torch.log(q / q.sum() + self.smoothing)
        return torch.cat([ratio, torch.zeros(1)])[grams].sum(1)


def ngrams(corpus: Corpus, longest: int, buckets: int) -> torch.Tensor:
    """The hash bucket of each n-gram of each row, int64 `[n, k]`; `buckets` where there is none.

    A row is read column by column. The run of one value that a column ends with, its padding, counts once.
    """
    columns = [column.reshape(len(corpus), -1).long() for _, column in sorted(corpus.columns.items())]
    values = torch.cat([column * len(columns) + place for place, column in enumerate(columns)], 1)
    padding = torch.cat([repeated(column) for column in columns], 1)
    code, found = torch.zeros_like(values), []
    for n in range(min(longest, values.shape[1])):
        code = (code[:, : values.shape[1] - n] + values[:, n:] + 1) * MULTIPLIER  # wraps round
        code ^= code >> 29
        found.append(((code * MULTIPLIER >> 32) % buckets).masked_fill(padding[:, n:], buckets))
    return torch.cat(found, 1)


def repeated(values: torch.Tensor) -> torch.Tensor:
    """Where `[n, k]` repeats the value before it, and so on to the end of the row."""
    run = (values == values[:, -1:]).flip(1).cummin(1).values.flip(1)
    return torch.nn.functional.pad(run[:, :-1], (1, 0))
