import math
from typing import Annotated

import torch
from pydantic import Field

from collapsebench import Context, Corpus, Method, MethodCard, method


@method("reward_curate")
class RewardCurate(Method):
    """Train on the Bradley–Terry choice of a reward among K candidates, with real data mixed in.

    Args:
        k: candidates per choice; S_t and more draws from the same model.
        lam: ratio of curated to real examples λ; infinite means no real data (and no need for history).
    """

    k: Annotated[int, Field(ge=2)] = 2
    lam: Annotated[float, Field(gt=0)] = math.inf

    card = MethodCard(title="Reward curation", paper="arXiv:2407.09499", access={"reward", "history"})

    def access(self) -> frozenset[str]:
        return frozenset({"reward"}) if math.isinf(self.lam) else frozenset({"reward", "history"})

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        real = round(ctx.n / (1 + self.lam))
        curated = self._choices(ctx.n - real, ctx)
        return Corpus.concat([ctx.history[0].sample(real, ctx.rng), curated]) if real else curated

    def _choices(self, picks: int, ctx: Context) -> Corpus:
        pool = ctx.candidates(self.k * picks).sample(self.k * picks, ctx.rng)
        rewards = ctx.reward(pool)
        chance = rewards.view(picks, self.k).softmax(1)
        chosen = torch.multinomial(chance, 1, generator=ctx.rng).squeeze(1) + torch.arange(picks) * self.k
        ctx.log("reward_before", rewards.mean().item())
        ctx.log("reward_after", rewards[chosen].mean().item())
        return pool.select(chosen)
