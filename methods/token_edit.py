from __future__ import annotations

import math
from typing import Literal

import torch

from collapsebench import Context, Corpus, Method, MethodCard, PluginError, method

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

    threshold: float = 0.99
    top_k: int = 8
    temperature: float = 1.0
    prior: str = "fixed"
    schedule: Literal["certain", "random", "disjoint"] = "certain"
    share: float = 0.125

    card = MethodCard(title="Token editing", paper="arXiv:2412.14689", access={"history"}, needs={"sites"})

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise PluginError(f"token_edit: threshold must lie in (0, 1], got {self.threshold}.")
        if self.top_k < 1:
            raise PluginError(f"token_edit: top_k must be at least 1, got {self.top_k}.")
        if not self.temperature > 0:
            raise PluginError(f"token_edit: temperature must be positive, got {self.temperature}.")
        if self.prior not in PRIORS:
            raise PluginError(f"token_edit: prior must be one of {', '.join(PRIORS)}, got '{self.prior}'.")
        if self.schedule not in ("certain", "random", "disjoint"):
            raise PluginError(f"token_edit: schedule must be certain, random or disjoint, got '{self.schedule}'.")
        if not 0 < self.share <= 1:
            raise PluginError(f"token_edit: share must lie in (0, 1], got {self.share}.")

    def access(self) -> frozenset[str]:
        return frozenset({"history", "prior"}) if self.prior == "external" else frozenset({"history"})

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        prior = getattr(ctx, PRIORS[self.prior])
        before = ctx.previous
        log_prob, editable = prior.sites(before)
        mask = self._chosen(log_prob, editable, ctx)
        after = prior.resample(before, mask, self.top_k, self.temperature)
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
