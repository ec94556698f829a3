import math
from typing import Annotated

import torch
from pydantic import Field

from collapsebench import Context, Corpus, Filter, MethodCard, PluginError, method

DRAWS = 256
"""Groups of rivals that the chance of a row to be chosen is averaged over."""


@method("reward_curate")
class RewardCurate(Filter):
    """Train on the Bradley–Terry choice of a reward among K candidates.

    A reward is had at the price of a distance, so both are logged: the mean reward before and after the choice, and the
    divergence KL(curated ‖ M_0). M_0 stands for the real data, as D_0 itself is a sample and has no density. With w(x)
    the chance of x to be chosen over that of the others of its group, the curated density is w M_{t-1}, and the
    estimate is the mean of log w + log M_{t-1} − log M_0 over the chosen rows: no fit and no bin, and exact in the mean
    but for w, which is averaged over 256 groups of rivals of each row.

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
        curated = pool.select(chosen)
        log_ratio = self._log_weights(rewards, groups, chosen, ctx.rng)
        log_ratio = log_ratio + ctx.model.log_prob(curated) - ctx.initial_model.log_prob(curated)
        ctx.log("reward_before", rewards.mean().item())
        ctx.log("reward_after", rewards[chosen].mean().item())
        ctx.log("kl", log_ratio.mean().item())
        return curated

    def _log_weights(
        self, rewards: torch.Tensor, groups: torch.Tensor, chosen: torch.Tensor, rng: torch.Generator
    ) -> torch.Tensor:
        """Log of k times the chance of each chosen row to be chosen, float64 `[picks]`.

        The mean over the group that it won, without which a chance could be 0, and over groups of random rivals.
        """
        own = rewards[groups].logsumexp(1)
        places = torch.randint(len(rewards), (len(chosen), DRAWS, self.k - 1), generator=rng)
        lead = rewards[chosen][:, None] - rewards[places].logsumexp(2)
        chances = torch.cat([(rewards[chosen] - own)[:, None], torch.nn.functional.logsigmoid(lead)], 1)
        return math.log(self.k / (DRAWS + 1)) + chances.logsumexp(1)
