from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field

from collapsebench import Context, Corpus, Filter, MethodCard, PluginError, method

ROWS, DRAWS = 1000, 256
"""Rows that the divergence is estimated from, and groups of rivals that the chance of each is averaged over."""


@method("reward_curate")
class RewardCurate(Filter):
    """Train on the Bradley–Terry choice of a reward among K candidates.

    A reward is had at the price of a distance, so both are logged: the mean reward before and after the choice, and the
    divergence KL(curated ‖ M_0). M_0 stands for the real data, as D_0 itself is a sample and has no density. With w(x)
    the chance of x to be chosen over that of the others of its group, the curated density is w M_{t-1}, and the
    estimate is the mean of log w + log M_{t-1} − log M_0 over a thousand chosen rows: no fit and no bin, and exact in
    the mean but for w, which is averaged over 256 groups of rivals of each row.

    Args:
        memory: what the chosen rows are trained with; `accumulate` by default: chosen rows alone drift to what the
            reward likes, D_0 holds the rest.
        k: candidates per choice; S_t and more draws from the same model.
        lam: ratio of chosen to real examples λ, the rows of D_0 drawn anew each generation: the paper's rule, for
            `memory=replace`; infinite means none.
    """

    k: Annotated[int, Field(ge=2)] = 2
    lam: Annotated[float, Field(gt=0)] = math.inf

    card = MethodCard(
        title="Reward curation", paper="arXiv:2407.09499", access={"reward", "history"}, needs={"log_prob"}
    )

    def __post_init__(self) -> None:
        if math.isfinite(self.lam) and self.memory != "replace":
            raise PluginError("reward_curate: lam mixes D_0 in, as a memory does.", "Set memory=replace.")

    def questions(self) -> frozenset[str]:
        return frozenset({"preserve", "grow"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        rows = max(ctx.n, len(arrivals) // self.k)
        real = round(rows / (1 + self.lam))
        kept = ctx.remember(self._choices(rows - real, ctx), self.memory)
        return Corpus.concat([ctx.trusted.sample(real, ctx.rng, replacement=real > ctx.n), kept]) if real else kept

    def _choices(self, picks: int, ctx: Context) -> Corpus:
        pool = ctx.candidates(self.k * picks).sample(self.k * picks, ctx.rng)
        rewards = ctx.reward(pool).double()
        groups = torch.arange(self.k * picks).view(picks, self.k)
        best = torch.multinomial(rewards[groups].softmax(1), 1, generator=ctx.rng)
        chosen = groups.gather(1, best).squeeze(1)
        ctx.log("reward_before", rewards.mean().item())
        ctx.log("reward_after", rewards[chosen].mean().item())
        ctx.log("kl", self._divergence(pool, rewards, groups[:ROWS], chosen[:ROWS], ctx))
        return pool.select(chosen)

    def _divergence(
        self, pool: Corpus, rewards: torch.Tensor, groups: torch.Tensor, chosen: torch.Tensor, ctx: Context
    ) -> float:
        """KL(curated ‖ M_0) in nats, from rows chosen from their groups `[picks, k]`.

        A chance is the mean over the group that the row won, without which it could be 0, and over random groups.
        """
        places = torch.randint(len(rewards), (len(chosen), DRAWS, self.k - 1), generator=ctx.rng)
        lead = rewards[chosen][:, None] - rewards[places].logsumexp(2)
        won = rewards[chosen] - rewards[groups].logsumexp(1)
        chances = torch.cat([won[:, None], torch.nn.functional.logsigmoid(lead)], 1).logsumexp(1)
        rows = pool.select(chosen)
        gone = ctx.model.log_prob(rows) - ctx.initial_model.log_prob(rows)
        return (math.log(self.k / (DRAWS + 1)) + chances + gone).mean().item()
