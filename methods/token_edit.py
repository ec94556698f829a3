from __future__ import annotations

import math
from typing import Literal

import torch

from collapsebench import Context, Corpus, Count, Decoding, Method, MethodCard, Positive, PositiveShare, method

PRIORS = {"fixed": "initial_model", "self": "model", "external": "prior"}
"""Value of the hyper-parameter -> the model's name in the context."""


@method("token_edit")
class TokenEdit(Method):
    """Keep the previous training set and redraw only the sites that a prior model is almost certain of.

    The schedules `random` and `disjoint` choose sites without looking at them: those of the theory, where sites
    are the labels of a regression.

    Args:
        threshold: sites of at least this probability under the prior are redrawn.
        top_k: the redraw is among the k most probable outcomes.
        temperature: of the redraw (the paper's β is 1, its code uses 1.5).
        prior: `fixed` (M_0), `self` (M_{t-1}) or `external` (the task's prior).
        schedule: `certain` (by the threshold), `random` (a share of the editable sites, drawn anew each
            generation) or `disjoint` (every k-th editable site, others each generation, until after
            k = 1/share generations all were edited once; then none).
        share: of the editable sites, for `random` and `disjoint`.
    """

    threshold: PositiveShare = 0.99
    top_k: Count = 8
    temperature: Positive = 1.0
    prior: Literal["fixed", "self", "external"] = "fixed"
    schedule: Literal["certain", "random", "disjoint"] = "certain"
    share: PositiveShare = 0.125

    card = MethodCard(title="Token editing", paper="arXiv:2412.14689", access={"history"}, needs={"sites"})

    def access(self) -> frozenset[str]:
        return frozenset({"history", "prior"}) if self.prior == "external" else frozenset({"history"})

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        prior = getattr(ctx, PRIORS[self.prior])
        before = ctx.previous
        log_prob, editable = prior.sites(before)
        mask = self._chosen(log_prob, editable, ctx)
        after: Corpus = prior.resample(before, mask, Decoding(self.temperature, self.top_k))
        changed = sum((after[name] != before[name]).sum().item() for name in before)
        ctx.log("sites_selected", mask.sum().item() / editable.sum().item())
        ctx.log("sites_changed", changed / editable.sum().item())
        return after

    def _chosen(self, log_prob: torch.Tensor, editable: torch.Tensor, ctx: Context) -> torch.Tensor:
        """The sites to redraw, bool `[n, s]`."""
        if self.schedule == "certain":
            return (log_prob >= math.log(self.threshold)) & editable
        sites = editable.flatten().nonzero().squeeze(1)
        if self.schedule == "random":
            picked = sites[torch.randperm(len(sites), generator=ctx.rng)[: round(self.share * len(sites))]]
        else:  # D_{t-1} has its rows where D_0 had them, so that places tell which sites were edited before
            steps = round(1 / self.share)
            picked = sites[ctx.t - 1 :: steps] if ctx.t <= steps else sites[:0]
        mask = torch.zeros(editable.numel(), dtype=torch.bool)
        mask[picked] = True
        return mask.view_as(editable)
