from __future__ import annotations

import math
from typing import Literal

import torch

from collapsebench import Context, Corpus, Method, MethodCard, PositiveShare, method


@method("truncated_loss")
class TruncatedLoss(Method):
    """Train on everything so far, with no loss on the tokens that the model in training is surest of.

    In each step the model gives each of the batch's k tokens the probability p; tokens with p above a limit have no
    loss. By default the limit is relative: the round(gamma k)-th smallest p, so that a share 1 − gamma of the tokens
    has none, of a small model too, which is seldom certain of anything. Padding and prompts, and tokens of p = 1, whose
    loss is 0 anyhow, do not count among the k.

    Tokens without loss still count in the mean that the loss is, as in the authors' code: the more of them, the
    smaller the steps.

    Args:
        gamma: the limit, as a quantile of the batch's probabilities or as a probability (the authors' code: .99).
        limit: `quantile` or `probability`.
    """

    gamma: PositiveShare = 0.9
    limit: Literal["quantile", "probability"] = "quantile"

    card = MethodCard(title="Truncated loss", paper="arXiv:2509.08972", needs={"site_weights"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        return ctx.pool

    def site_weights(self, log_probs: torch.Tensor) -> torch.Tensor:
        return (log_probs <= self._limit(log_probs)).to(log_probs.dtype)

    def _limit(self, log_probs: torch.Tensor) -> float | torch.Tensor:
        """Log-probability up to which tokens keep their loss."""
        if self.limit == "probability":
            return math.log(self.gamma)
        tokens = log_probs[log_probs < 0]
        if not len(tokens):
            return 0.0
        return tokens.kthvalue(max(1, round(self.gamma * len(tokens)))).values
