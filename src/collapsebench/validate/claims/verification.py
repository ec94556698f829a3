"""Claims on a verifier: a noisy one on `categorical`, whose smoothing proposes impossible tokens at a known rate,
and one that is off the truth on `regression`.
"""

from __future__ import annotations

import numpy as np

from ... import laws
from ..claim import Claim, Logged, Metric, Seen, Setting

SHIFT, RADIUS, GENERATIONS = 1.0, 1.0, 10
"""The verifier's centre is 1 + SHIFT times the truth; it keeps labels within RADIUS standard deviations."""


def claims() -> list[Claim]:
    """What a verifier keeps in one generation, whether the majority of it is right, and where a biased one leads."""
    return [*_bayes(0.9, 0.3), *_bayes(1.0, 0.1), _breakdown(0.3, 0.9), _breakdown(0.5, 1.0), *_biased()]


def precision(seen: Seen) -> float:
    """Share of the corpus that is right."""
    return float(seen.task.verify(seen.lineage.corpus.value).double().mean())


def majority(seen: Seen) -> float:
    """+1 where the model takes the right token of a context for the more probable one, −1 where not; mean."""
    return float((seen.model.tables[seen.task.possible] - 0.5).sign().mean())


def weight(seen: Seen) -> float:
    """The one weight of a regression in one dimension; the truth is 1."""
    return float(seen.model.weights[0])


def _bayes(phi: float, psi: float) -> list[Claim]:
    """M_0 spreads a pseudo-count of 50 over 100 tokens, of which 50 are possible: p = 1/4 with 50 rows per context."""
    task = {"contexts": 20, "tokens": 100, "support": 50, "smoothing": 50.0}
    method = {"phi": phi, "psi": psi, "max_candidates": 1.0}
    settings = (Setting("categorical", 1000, 1, "verify_filter", task, method),)
    right, kept = (np.array([np.nan, law(0.25, phi, psi)]) for law in (laws.kept_precision, laws.keep_rate))
    return [
        Claim("kept_precision", "share of D_1 that is right", settings, precision, right, 400, 200, judged=(1,)),
        Claim("keep_rate", "share kept", settings, Logged("keep_rate"), kept, 400, 200, judged=(1,)),
    ]


def _breakdown(phi: float, psi: float) -> Claim:
    """Two tokens, one of them right: a table is a linear classifier of one-hot contexts. Its p stays below 1/2.

    So p* is reached by a verifier that prefers what is wrong (phi < psi).
    """
    limit, rows = laws.breakdown_point(phi, psi), 1000
    shares = tuple(round(limit + step, 4) for step in (-0.1, -0.05, 0.05, 0.1))
    method = {"phi": phi, "psi": psi, "max_candidates": 1.0}
    task = {"contexts": 20, "tokens": 2, "support": 1}
    smoothed = ({**task, "smoothing": 2 * p * rows / (1 - 2 * p)} for p in shares)
    settings = tuple(Setting("categorical", 20 * rows, 1, "verify_filter", sizes, method) for sizes in smoothed)
    what = f"right (+1) or wrong (−1) around p* = {limit:.3g}"
    side = np.where(np.array(shares) < limit, 1.0, -1.0)
    return Claim("breakdown_point", what, settings, majority, side, 100, 50, "asymptotic", axis="P(wrong)", x=shares)


def _biased() -> list[Claim]:
    """With rows x = ±1 the fit is the mean of x·y, which is N(w, sigma^2) cut to the verifier's window.

    With normal rows in ten dimensions the way there has no closed form; its end is the verifier's weights.
    """
    verifier = {"verifier_c": RADIUS, "verifier_shift": SHIFT}
    signs = (Setting("regression", 2000, GENERATIONS, "verify_filter", {"d": 1, "inputs": "signs", **verifier}),)
    normal = (Setting("regression", 5000, GENERATIONS, "verify_filter", {"d": 10, **verifier}),)
    way = laws.verified_mean(1.0, 1.0 + SHIFT, RADIUS, 1.0, GENERATIONS)
    end = np.where(np.arange(GENERATIONS + 1) < GENERATIONS, np.nan, (way - 1) ** 2)
    what, error, judged = "error at the end", Metric("error"), (GENERATIONS,)
    return [
        Claim("verified_mean", "weight", signs, weight, way, 400, 200),
        Claim("verified_mean", what, normal, error, end, 100, 20, "asymptotic", judged),
    ]
