from __future__ import annotations

from typing import Literal

import torch

from collapsebench import Context, Corpus, Method, MethodCard, NonNegative, PluginError, Positive, Share, method


@method("fresh_mix")
class FreshMix(Method):
    """Train on new real and new synthetic examples, the share of real ones and the size by schedule.

    In generation t the share is α_t = alpha / t^decay and the size n_t = size · n · t^growth, rounded. The real rows
    are arrivals that the marks call real, as many as there are; the others are arrivals that they call synthetic and,
    where those are too few, more draws from M_{t-1}.

    Args:
        alpha: share of fresh real examples in generation 1.
        decay: how fast the share falls; 0 keeps it.
        size: size in generation 1, in multiples of n.
        growth: how fast the size grows; 0 keeps it.
        draws: `mixture`, each example is fresh with probability α_t, or `counts`, exactly round(α_t n_t) are.
    """

    alpha: Share = 0.5
    decay: NonNegative = 0.0
    size: Positive = 1.0
    growth: NonNegative = 0.0
    draws: Literal["mixture", "counts"] = "mixture"

    card = MethodCard(title="Fresh mix", paper="arXiv:2602.10531", access={"mark"})

    def questions(self) -> frozenset[str]:
        return frozenset({"purify"})

    def check(self, n: int) -> None:
        if round(self.size * n) < 1:
            raise PluginError(f"fresh_mix: size = {self.size} of n = {n} gives no examples.", "Raise size.")

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        marked = ctx.mark(arrivals)
        real, synthetic = arrivals.select(~marked), arrivals.select(marked)
        alpha, n = self.alpha / ctx.t**self.decay, round(self.size * ctx.n * ctx.t**self.growth)
        fresh = min(len(real), round(alpha * n) if self.draws == "counts" else self._coins(n, alpha, ctx.rng))
        ctx.log("fresh", fresh)
        if (missing := n - fresh - len(synthetic)) > 0:
            synthetic = Corpus.concat([synthetic, ctx.model.generate(missing)])
        return Corpus.concat([real.sample(fresh, ctx.rng), synthetic.sample(n - fresh, ctx.rng)])

    def _coins(self, n: int, alpha: float, rng: torch.Generator) -> int:
        return int((torch.rand(n, generator=rng, dtype=torch.float64) < alpha).sum())
