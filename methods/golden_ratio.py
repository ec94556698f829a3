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
        real: `fresh`, n new real examples each generation, for which w* is derived, or `first`, D_0 again (where
            the best weight would be 1).
    """

    real: Literal["fresh", "first"] = "fresh"

    card = MethodCard(title="Golden ratio", paper="arXiv:2502.18049", access={"fresh", "history"})

    def access(self) -> frozenset[str]:
        return frozenset({"fresh"}) if self.real == "fresh" else frozenset({"history"})

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        real = ctx.fresh_real(ctx.n) if self.real == "fresh" else ctx.history[0]
        r = len(synthetic) / len(real)
        weight = (math.sqrt(1 + 4 * r) - 1) / (2 * r)
        ctx.log("real_weight", weight)
        total = len(real) + len(synthetic)
        return Corpus.concat([_weighted(real, weight * total), _weighted(synthetic, (1 - weight) * total)])


def _weighted(rows: Corpus, total: float) -> Corpus:
    return rows.with_weights(torch.full((len(rows),), total / len(rows), dtype=torch.float64))
