from __future__ import annotations

import torch

from collapsebench import Context, Corpus, Decoding, Filter, MethodCard, Multiple, Positive, TaskCard, method


@method("surplexity")
class Surplexity(Filter):
    """Train on those candidates, one of two, that surprise the newest model most.

    To choose what surprises widens a distribution, to sample at a low temperature narrows it, so the filter stands
    beside a temperature. The authors sample models that they fine-tune at .2. That is too narrow for models trained
    from nothing: at .7 `gaussian`, `regression` and `arithmetic` lose less than at 1, where what surprises is the
    worst of the model, and `gaussian` and `arithmetic` less than at .7 without the filter.

    Args:
        memory: what they are trained with; `accumulate` by default: what surprises is the rare and the wrong alike, and
            D_0 is what tells them apart.
        candidates: one row in so many is kept; where S_t alone arrives, more draws make it so many times n rows.
        temperature: of the sampling of S_t and of further candidates.
    """

    candidates: Multiple = 2.0
    temperature: Positive = 0.7

    card = MethodCard(title="Surplexity filter", paper="arXiv:2410.12341", needs={"log_prob"})

    def skip(self, task: TaskCard) -> str | None:
        lacks = task.modality == "tokens" and "sites" not in task.supports
        return f"{task.title} has no log-probabilities of single tokens" if lacks else None

    def needs(self) -> frozenset[str]:
        return super().needs() | self.decoding(1).features

    def decoding(self, t: int) -> Decoding:
        return Decoding(self.temperature)

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        pool = ctx.candidates(round(self.candidates * ctx.n), self.decoding(ctx.t))
        surprise = self._surprise(pool, ctx)
        chosen = surprise.topk(max(1, round(len(pool) / self.candidates))).indices
        ctx.log("surprise_before", surprise.mean().item())
        ctx.log("surprise_after", surprise[chosen].mean().item())
        return ctx.remember(pool.select(chosen), self.memory)

    def _surprise(self, corpus: Corpus, ctx: Context) -> torch.Tensor:
        """NLL under M_{t-1}, nats, float `[n]`: per token where texts differ in length, else of the whole row.

        A text's first token does not count, as in a perplexity computed without a start token.
        """
        if any(column.dim() > 1 and not column.is_floating_point() for column in corpus.columns.values()):
            log_prob, counted = ctx.model.sites(corpus)
            return -(log_prob * counted).sum(1) / counted.sum(1).clamp(min=1)
        return -ctx.model.log_prob(corpus)
