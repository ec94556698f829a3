"""What a law is: a closed form with its kind, its source and where it holds.

Curves are indexed by the protocol's generation: `curve[g]` is the value for M_g, g = 0..G, so that
`curve[0]` is the fit on real data. A paper that counts fits writes t = g + 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]

Kind = Literal["exact", "asymptotic", "bound"]
"""`exact` holds at the stated sizes, `asymptotic` in a limit, `bound` is an inequality."""


@dataclass(frozen=True)
class Law:
    """One closed form; `name` is that of its function.

    Args:
        source: paper, or `derived` with the place of the derivation.
        valid: where it holds, in words.
        tolerance: largest relative error of a measurement that agrees; None unless asymptotic.
    """

    name: str
    kind: Kind
    source: str
    valid: str
    tolerance: float | None
    formula: Callable[..., Any]


LAWS: dict[str, Law] = {}
"""Every law by name."""

F = TypeVar("F", bound=Callable[..., Any])


def law(kind: Kind, *, source: str, valid: str, tolerance: float = 0.02) -> Callable[[F], F]:
    """Function decorator: enter a closed form in `LAWS`; the function itself is unchanged."""

    def enter(formula: F) -> F:
        name = formula.__name__
        LAWS[name] = Law(name, kind, source, valid, tolerance if kind == "asymptotic" else None, formula)
        return formula

    return enter


def fits(generations: int) -> Array:
    """The number of fits t = 1..G+1 at generations 0..G, float `[G + 1]`."""
    require(generations >= 0, f"generations must be at least 0, got {generations}")
    return np.arange(1.0, generations + 2)


def chained(method: str, generations: int) -> npt.NDArray[np.int64] | None:
    """How many fits, each to n samples of the one before, lead to M_0..M_G under a method, int `[G + 1]`.

    None of a method whose models do not come about like that.
    """
    t = np.arange(1, generations + 2)
    one = np.ones_like(t)
    return {"frozen": one, "fresh_real": one, "first_teacher": np.minimum(t, 2), "replace": t}.get(method)


def require(holds: bool, problem: str) -> None:
    """Refuse arguments outside a law's range with a ValueError."""
    if not holds:
        raise ValueError(problem)


def distribution(probabilities: npt.ArrayLike) -> Array:
    """Probabilities as a float array `[K]`; a ValueError if they are negative or do not add up to 1."""
    p = np.asarray(probabilities, dtype=np.float64)
    require(p.ndim == 1 and bool((p >= 0).all()), "probabilities must be a vector without negative entries")
    require(abs(p.sum() - 1) < 1e-9, f"probabilities must add up to 1, got {p.sum()}")
    return p
