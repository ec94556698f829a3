from __future__ import annotations

import math

import torch

from collapsebench import Context, Corpus, Method, MethodCard, PositiveShare, method


@method("truncated_loss")
class TruncatedLoss(Method):
    """Train on n examples of everything so far, with no loss on tokens that the model in training is certain of.

    Certain tokens still count in the mean that the loss is, as in the authors' code: the more of them, the
    smaller the steps.

    Args:
        gamma: tokens whose probability exceeds it have no loss; the authors' code uses .99.
    """

    gamma: PositiveShare = 0.99

    card = MethodCard(title="Truncated loss", paper="arXiv:2509.08972", needs={"site_weights"})

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        return ctx.pool.sample(ctx.n, ctx.rng)

    def site_weights(self, log_probs: torch.Tensor) -> torch.Tensor:
        return (log_probs <= math.log(self.gamma)).to(log_probs.dtype)
