import math
from typing import Literal

import torch

from collapsebench import Context, Corpus, Method, MethodCard, method


@method("golden_ratio")
class GoldenRatio(Method):
    """Train on real and synthetic examples, with the weight on the real part that is best in the long run.

    With r synthetic examples per real one the real part has weight w* = (√(1 + 4r) − 1)/(2r) and the
    synthetic part 1 − w*, evenly within each; at r = 1, w* is the reciprocal of the golden ratio.

    Args:
        real: `fresh`, the arrivals that the marks call real, for which w* is derived, the marked ones being the
            synthetic part; or `first`, D_0 again (where the best weight would be 1).
    """

    real: Literal["fresh", "first"] = "fresh"

    card = MethodCard(title="Golden ratio", paper="arXiv:2502.18049", access={"mark", "history"})

    def access(self) -> frozenset[str]:
        return frozenset({"mark"}) if self.real == "fresh" else frozenset({"history"})

    def questions(self) -> frozenset[str]:
        return frozenset({"purify"}) if self.real == "fresh" else super().questions()

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        if self.real == "first":
            real, synthetic = ctx.trusted, arrivals
        else:
            marked = ctx.mark(arrivals)
            real, synthetic = arrivals.select(~marked), arrivals.select(marked)
        if not len(real) or not len(synthetic):
            return arrivals
        r = len(synthetic) / len(real)
        weight = (math.sqrt(1 + 4 * r) - 1) / (2 * r)
        ctx.log("real_weight", weight)
        total = len(real) + len(synthetic)
        return Corpus.concat([_weighted(real, weight * total), _weighted(synthetic, (1 - weight) * total)])


def _weighted(rows: Corpus, total: float) -> Corpus:
    return rows.with_weights(torch.full((len(rows),), total / len(rows), dtype=torch.float64))
