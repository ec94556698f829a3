from __future__ import annotations

import math
from typing import Literal

import torch

from collapsebench import Context, Corpus, Method, MethodCard, PluginError, method


@method("fresh_mix")
class FreshMix(Method):
    """Train on new real and new synthetic examples, the share of real ones and the size by schedule.

    In generation t the share is α_t = alpha / t^decay and the size n_t = size · n · t^growth, rounded.

    Args:
        alpha: share of fresh real examples in generation 1.
        decay: how fast the share falls; 0 keeps it.
        size: size in generation 1, in multiples of n.
        growth: how fast the size grows; 0 keeps it.
        draws: `mixture`, each example is fresh with probability α_t, or `counts`, exactly round(α_t n_t) are.
    """

    alpha: float = 0.1
    decay: float = 0.0
    size: float = 1.0
    growth: float = 0.0
    draws: Literal["mixture", "counts"] = "mixture"

    card = MethodCard(title="Fresh mix", paper="arXiv:2602.10531", access={"fresh"})

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise PluginError(f"fresh_mix: alpha must lie in [0, 1], got {self.alpha}.")
        if not self.decay >= 0:
            raise PluginError(f"fresh_mix: decay must not be negative (alpha would exceed 1), got {self.decay}.")
        if not 0 < self.size < math.inf:
            raise PluginError(f"fresh_mix: size must be positive and finite, got {self.size}.")
        if not 0 <= self.growth < math.inf:
            raise PluginError(
                f"fresh_mix: growth must be finite and not negative (n_t would fall below 1), got {self.growth}."
            )
        if self.draws not in ("mixture", "counts"):
            raise PluginError(f"fresh_mix: draws must be 'mixture' or 'counts', got '{self.draws}'.")

    def check(self, n: int) -> None:
        if round(self.size * n) < 1:
            raise PluginError(f"fresh_mix: size = {self.size} of n = {n} gives no examples.", "Raise size.")

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        alpha, n = self.alpha / ctx.t**self.decay, round(self.size * ctx.n * ctx.t**self.growth)
        fresh = round(alpha * n) if self.draws == "counts" else self._coins(n, alpha, ctx.rng)
        ctx.log("fresh", fresh)
        parts = [ctx.fresh_real(fresh)] if fresh else []
        if extra := max(0, n - fresh - len(synthetic)):
            synthetic = Corpus.concat([synthetic, ctx.model.generate(extra)])
        return Corpus.concat([*parts, synthetic.sample(n - fresh, ctx.rng)])

    def _coins(self, n: int, alpha: float, rng: torch.Generator) -> int:
        return int((torch.rand(n, generator=rng, dtype=torch.float64) < alpha).sum())
