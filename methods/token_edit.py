from __future__ import annotations

import math
from typing import Literal

import torch

from collapsebench import (
    Context,
    Corpus,
    Count,
    Decoding,
    Method,
    MethodCard,
    PluginError,
    Positive,
    PositiveShare,
    method,
)


@method("token_edit")
class TokenEdit(Method):
    """Keep the training set and redraw only the tokens that a prior model is almost certain of.

    The paper's experiments edit human text once, by one pass of a model from outside: that is `external`, which edits
    D_0 in each generation. The paper's theory edits what the last generation was trained on, by the loop's own model:
    `self`, and `fixed`.

    The schedules `random` and `disjoint` choose sites without looking at them: those of the theory, where sites
    are the labels of a regression. `certain` is for tokens alone: how certain a continuous site is has no such scale,
    and to redraw the values next to a mode widens the distribution (the trace of a Gaussian by 13 %).

    Args:
        threshold: sites of at least this probability under the prior are redrawn.
        top_k: the redraw is among the k most probable outcomes.
        temperature: of the redraw (the paper's β is 1, its code uses 1.5).
        prior: `fixed` (M_0), `self` (M_{t-1}) or `external` (the task's prior, a model outside the loop).
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

    def questions(self) -> frozenset[str]:
        return frozenset({"preserve", "grow"})

    def needs(self) -> frozenset[str]:
        return super().needs() | ({"tokens"} if self.schedule == "certain" else frozenset())

    def __post_init__(self) -> None:
        if self.prior == "external" and self.schedule == "disjoint":
            raise PluginError("token_edit: schedule = disjoint edits the previous set; prior = external edits D_0.")

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        prior = ctx.initial_model if self.prior == "fixed" else ctx.model if self.prior == "self" else ctx.prior
        before = ctx.trusted if self.prior == "external" else ctx.previous
        log_prob, editable = prior.sites(before)
        mask = self._chosen(log_prob, editable, ctx)
        after: Corpus = prior.resample(before, mask, Decoding(self.temperature, self.top_k))
        changed = sum((after[name] != before[name]).sum().item() for name in before)
        ctx.log("selected", mask.sum().item() / editable.sum().item())
        ctx.log("changed", changed / editable.sum().item())
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
