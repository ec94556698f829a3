"""Claims on a verifier: a noisy one on `categorical`, whose smoothing proposes impossible tokens at a known rate,
and one that is off the truth on `regression`.
"""

from __future__ import annotations

import numpy as np
import torch

from ... import laws
from ..claim import Claim, Logged, Metric, Seen, Setting

SHIFT, RADIUS, GENERATIONS = 1.0, 1.0, 10
"""The verifier's centre is 1 + SHIFT times the truth; it keeps labels within RADIUS standard deviations."""


ONCE = {"memory": "replace", "max_candidates": 1.0}
"""Of `verify_filter`: what is kept of S_t is all that a model is trained on."""


def claims() -> list[Claim]:
    """What a verifier keeps in one generation, whether the majority of it is right, and where a biased one leads.

    Verifiers that prefer right labels break down beyond one half, the others before.
    """
    rates = ((0.9, 0.3, 0.05), (1.0, 0.1, 0.05), (0.3, 0.9, 0.1))
    breakdowns = (claim for case in rates for claim in _breakdown(*case))
    return [*_bayes(0.9, 0.3), *_bayes(1.0, 0.1), *breakdowns, *_biased()]


def precision(seen: Seen) -> float:
    """Share of the corpus that is right."""
    return float(seen.task.verify(seen.lineage.corpus.value).double().mean())


def majority(seen: Seen) -> float:
    """+1 for a context most of whose labels in the corpus are right, −1 for one most of whose are wrong; mean.

    It is what a linear classifier of one-hot contexts learns of right and wrong.
    """
    corpus = seen.lineage.corpus.value
    right = seen.task.verify(corpus).double() - 0.5
    return float(
        torch.zeros(seen.task.contexts, dtype=torch.float64).index_add_(0, corpus["context"], right).sign().mean()
    )


def weight(seen: Seen) -> float:
    """The one weight of a regression in one dimension; the truth is 1."""
    return float(seen.model.weights[0])


def _bayes(phi: float, psi: float) -> list[Claim]:
    """M_0 spreads a pseudo-count of 50 over 100 tokens, of which 50 are possible: p = 1/4 with 50 rows per context."""
    task = {"contexts": 20, "tokens": 100, "support": 50, "smoothing": 50.0}
    settings = (Setting("categorical", 1000, 1, "verify_filter", task, ONCE, {"phi": phi, "psi": psi}),)
    right, kept = (np.array([np.nan, law(0.25, phi, psi)]) for law in (laws.kept_precision, laws.keep_rate))
    return [
        Claim("kept_precision", "share of D_1 that is right", settings, precision, right, 400, 200, judged=(1,)),
        Claim("keep_rate", "share kept", settings, Logged("keep_rate"), kept, 400, 200, judged=(1,)),
    ]


def _breakdown(phi: float, psi: float, margin: float) -> list[Claim]:
    """Of a hundred tokens one is right, and a smoothed table is wrong with any probability below .99.

    At the limit half of the kept labels are right. A margin to each side nearly every context has a majority that
    is right, or wrong.
    """
    limit = laws.breakdown_point(phi, psi)
    shares = tuple(round(limit * factor, 4) for factor in (1 - 2 * margin, 1 - margin, 1 + margin))
    what = f"majority right (+1) or wrong (−1) around p* = {limit:.3g}"
    side = np.where(np.array(shares) < limit, 1.0, -1.0)
    around, at = (tuple(_wrong(p, phi, psi) for p in ps) for ps in (shares, (limit,)))
    half = np.array([np.nan, 0.5])
    return [
        Claim("breakdown_point", what, around, majority, side, 60, 40, "asymptotic", axis="P(wrong)", x=shares),
        Claim("breakdown_point", f"share right at p* = {limit:.3g}", at, precision, half, 200, 40, judged=(1,)),
    ]


def _wrong(p: float, phi: float, psi: float) -> Setting:
    """Twenty contexts of 4000 labels, each wrong with probability p."""
    tokens, rows = 100, 4000
    smoothing = p * rows / (1 - 1 / tokens - p)
    task = {"contexts": 20, "tokens": tokens, "support": 1, "smoothing": smoothing}
    return Setting("categorical", 20 * rows, 1, "verify_filter", task, ONCE, {"phi": phi, "psi": psi})


def _biased() -> list[Claim]:
    """With rows x = ±1 the fit is the mean of x·y, which is N(w, sigma^2) cut to the verifier's window.

    With normal rows in ten dimensions the way there has no closed form; its end is the verifier's weights.
    """
    verifier = {"verifier_c": RADIUS, "verifier_shift": SHIFT}
    alone, one = {"memory": "replace"}, {"d": 1, "inputs": "signs", **verifier}
    signs = (Setting("regression", 2000, GENERATIONS, "verify_filter", one, alone),)
    normal = (Setting("regression", 5000, GENERATIONS, "verify_filter", {"d": 10, **verifier}, alone),)
    way = laws.verified_mean(1.0, 1.0 + SHIFT, RADIUS, 1.0, GENERATIONS)
    end = np.where(np.arange(GENERATIONS + 1) < GENERATIONS, np.nan, (way - 1) ** 2)
    what, error, judged = "error at the end", Metric("error"), (GENERATIONS,)
    return [
        Claim("verified_mean", "weight", signs, weight, way, 400, 200),
        Claim("verified_mean", what, normal, error, end, 100, 20, "asymptotic", judged),
    ]
