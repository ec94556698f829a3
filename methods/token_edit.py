import math
from dataclasses import dataclass

from collapsebench import Context, Corpus, Method, MethodCard, PluginError, method

PRIORS = {"fixed": "initial_model", "self": "model", "external": "prior"}
"""Value of the hyper-parameter -> the model's name in the context."""


@method("token_edit")
@dataclass(frozen=True)
class TokenEdit(Method):
    """Keep the previous training set and redraw only the sites that a prior model is almost certain of.

    Args:
        threshold: sites of at least this probability under the prior are redrawn.
        top_k: the redraw is among the k most probable outcomes.
        temperature: of the redraw (the paper's β is 1, its code uses 1.5).
        prior: `fixed` (M_0), `self` (M_{t-1}) or `external` (the task's prior).
    """

    threshold: float = 0.99
    top_k: int = 8
    temperature: float = 1.0
    prior: str = "fixed"

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

    def access(self) -> frozenset[str]:
        return frozenset({"history", "prior"}) if self.prior == "external" else frozenset({"history"})

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        prior = getattr(ctx, PRIORS[self.prior])
        before = ctx.previous
        log_prob, editable = prior.sites(before)
        mask = (log_prob >= math.log(self.threshold)) & editable
        after = prior.resample(before, mask, self.top_k, self.temperature)
        changed = sum((after[name] != before[name]).sum().item() for name in before)
        ctx.log("sites_selected", mask.sum().item() / editable.sum().item())
        ctx.log("sites_changed", changed / editable.sum().item())
        return after
