from dataclasses import dataclass

import torch

from collapsebench import Context, Corpus, Method, MethodCard, PluginError, TaskCard, method


@method("importance_resampling")
@dataclass(frozen=True)
class ImportanceResampling(Method):
    """Train on n examples of everything so far, drawn to match the n-grams of the real data (DSIR).

    The weight of an example is p(its n-grams) / q(its n-grams) with p the n-gram shares in D_0 and q those in the
    pool, both over hash buckets; n examples are drawn without replacement in proportion to it, by the n largest
    of log weight + Gumbel noise. D_0 is in the pool and fits itself best: see how many real rows come back.

    Args:
        ngram: longest n-gram.
        buckets: hash buckets.
        smoothing: added to every share.
    """

    ngram: int = 2
    buckets: int = 10_000
    smoothing: float = 1e-8

    card = MethodCard(title="Importance resampling (DSIR)", paper="arXiv:2302.03169", access={"history"})

    def __post_init__(self) -> None:
        for name in ("ngram", "buckets"):
            if getattr(self, name) < 1:
                raise PluginError(f"importance_resampling: {name} must be at least 1, got {getattr(self, name)}.")
        if not self.smoothing > 0:
            raise PluginError(f"importance_resampling: smoothing must be positive, got {self.smoothing}.")

    def skip(self, task: TaskCard) -> str | None:
        return None if task.modality == "tokens" else f"{task.title} has no tokens to take n-grams of"

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        pool = ctx.pool
        log_weights = self._log_weights(pool, ctx.history[0])
        noise = -torch.empty_like(log_weights).exponential_(generator=ctx.rng).log()
        chosen = (log_weights + noise).topk(ctx.n).indices
        ctx.log("log_weight_before", log_weights.mean().item())
        ctx.log("log_weight_after", log_weights[chosen].mean().item())
        return pool.select(chosen)

    def _log_weights(self, pool: Corpus, target: Corpus) -> torch.Tensor:
        """Log importance weight log p - log q of each example of the pool, float64 `[n]`."""
        import numpy as np
        from sklearn.feature_extraction.text import HashingVectorizer

        hashed = HashingVectorizer(
            n_features=self.buckets,
            ngram_range=(1, self.ngram),
            alternate_sign=False,
            norm=None,
            lowercase=False,
            token_pattern=r"\S+",
        )
        counts = hashed.transform(words(pool))
        p, q = (np.asarray(part.sum(0)).ravel() for part in (hashed.transform(words(target)), counts))
        ratio = np.log(p / p.sum() + self.smoothing) - np.log(q / q.sum() + self.smoothing)
        return torch.from_numpy(counts @ ratio)


def words(corpus: Corpus) -> list[str]:
    """Each row's integers as words; the run of one value that a column ends with, its padding, counts once."""
    lines = [""] * len(corpus)
    for name, column in corpus.columns.items():
        for i, row in enumerate(column.reshape(len(corpus), -1).tolist()):
            while len(row) > 1 and row[-1] == row[-2]:
                row.pop()
            lines[i] += "".join(f" {name}{value}" for value in row)
    return lines
