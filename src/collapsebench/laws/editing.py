"""Token editing of labels: rows of a regression get a new label from a prior, y <- x.w_prior + fresh noise.

Symbols: n rows, d dimensions, T generations of edits, shares = fraction of rows edited in each. The prior
is either `self`, the current model M_{g-1}, or `fixed`, M_0 throughout (fitted to the same rows). Errors
are in units of v = sigma2 d/(n - d - 1) unless said. Derivations: docs/token-editing-bound.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from .law import Array, fits, law, require

_DERIVED = "derived: docs/token-editing-bound.md"

PUBLISHED_EDIT_BOUND = 2.0
"""The bound of arXiv:2412.14689 (v3, Theorem 2, Eq. 6), stated there for the prior `self`."""


@law("asymptotic", source=_DERIVED, valid="n >> d")
def edit_once(share: float) -> float:
    """1 + 2 share - share^2 after one edit of a share of the rows; the prior is M_0 under both rules."""
    _shares([share])
    return 1 + 2 * share - share * share


@law("exact", source=_DERIVED, valid="n >= d + 2; x ~ N(0, I_d)")
def edit_once_exact(n: int, d: int, edited: int) -> float:
    """The same at finite n for k edited rows: 1 + 2k/n - b, b the mean square of a matrix-beta variable.

    b = [k (k + 2) + (d - 1) k (n - k)/(n - 1)] / (n (n + 2)). With the prior `fixed` it also holds for any
    number of edits, k being the rows edited at least once; it never exceeds 2.
    """
    require(n >= d + 2, f"needs n >= d + 2, got n={n}, d={d}")
    require(0 <= edited <= n, f"cannot edit {edited} of {n} rows")
    k = edited
    square = (k * (k + 2) + (d - 1) * k * (n - k) / (n - 1)) / (n * (n + 2))
    return 1 + 2 * k / n - square


@law("asymptotic", source=_DERIVED, valid="n >> d; no row edited twice")
def edit_disjoint_self(shares: Sequence[float]) -> Array:
    """Disjoint edits by the current model, float `[T + 1]`: bounded by `edit_disjoint_self_limit`, not by 2.

    E_{t+1} = (1 + r)^2 E_t + 2r - 2r (1 + r) c_t and c_{t+1} = (1 + r) c_t with E_1 = c_1 = 1, where r is
    the share of edit t and c_t the covariance of the model with the real noise in rows not edited yet.
    """
    errors, covariance = [1.0], 1.0
    for share in _shares(shares):
        errors.append((1 + share) ** 2 * errors[-1] + 2 * share - 2 * share * (1 + share) * covariance)
        covariance *= 1 + share
    return np.array(errors)


@law("bound", source=_DERIVED, valid="n >> d; no row edited twice; reached in the limit of many small edits")
def edit_disjoint_self_limit(total: float = 1.0) -> float:
    """2 e^total - 1: the largest error after disjoint self-edits of a total share of the rows; 4.44 for all."""
    _shares([total])
    return 2 * math.exp(total) - 1


@law("asymptotic", source=_DERIVED, valid="n >> d; no row edited twice")
def edit_disjoint_fixed(shares: Sequence[float]) -> Array:
    """Disjoint edits by M_0, float `[T + 1]`: 1 + 2q - q^2 with q the share edited so far; 2 when all are."""
    edited = np.concatenate(([0.0], np.cumsum(_shares(shares))))
    return np.asarray(1 + 2 * edited - edited**2)


@law("asymptotic", source=_DERIVED, valid="n >> d; rows drawn anew each generation")
def edit_random_self(share: float, generations: int) -> Array:
    """Re-editing a random share by the current model, float `[G + 1]`: 1 + (t - 1) share (2 - share), unbounded."""
    _shares([share])
    return 1 + share * (2 - share) * (fits(generations) - 1)


@law("asymptotic", source=_DERIVED, valid="n >> d; rows drawn anew each generation")
def edit_random_fixed(share: float, generations: int) -> Array:
    """Re-editing a random share by M_0, float `[G + 1]`: 1 + 2q - q^2, q = 1 - (1 - share)^(t-1); tends to 2."""
    _shares([share])
    edited = 1 - (1 - share) ** (fits(generations) - 1)
    return np.asarray(1 + 2 * edited - edited**2)


@law("exact", source=_DERIVED, valid="design of full column rank; any edits chosen without looking at the labels")
def edit_given_design(design: npt.ArrayLike, masks: Sequence[npt.ArrayLike], prior: Literal["self", "fixed"]) -> Array:
    """E ||w_g - w*||^2 given the design and which rows were edited, in units of sigma2, float `[T + 1]`.

    Follows the covariance of the label errors u: an edit of the rows under mask M makes them
    u <- M (H u + fresh noise) + (1 - M) u with the hat matrix H (prior `self`), or M (H u_1 + fresh
    noise) + (1 - M) u (prior `fixed`). `design` holds the rows x, float `[n, d]`, `masks` one bool `[n]` per
    generation, True where the label is replaced.
    """
    x = np.asarray(design, dtype=np.float64)
    require(x.ndim == 2 and np.linalg.matrix_rank(x) == x.shape[1], "the design needs full column rank")
    require(prior in ("self", "fixed"), f"prior must be 'self' or 'fixed', got {prior!r}")
    fit: Array = np.asarray(np.linalg.pinv(x), dtype=np.float64)
    hat, unit = x @ fit, np.eye(len(x))
    covariance = with_first = unit
    errors = [np.sum((fit @ covariance) * fit)]
    for mask in masks:
        edited = np.asarray(mask, dtype=np.float64)[:, None]
        kept = 1 - edited
        of_prior, prior_with_labels = (covariance, covariance) if prior == "self" else (unit, with_first.T)
        across = edited * (x @ (fit @ prior_with_labels)) * kept.T
        within = edited * (x @ (fit @ of_prior @ fit.T) @ x.T + unit) * edited.T
        covariance = within + across + across.T + kept * covariance * kept.T
        with_first = edited * hat + kept * with_first
        errors.append(np.sum((fit @ covariance) * fit))
    return np.array(errors)


def _shares(shares: Sequence[float]) -> Sequence[float]:
    total = sum(shares)
    require(min(shares, default=0.0) >= 0 and total <= 1 + 1e-9, f"shares must be >= 0 and sum to <= 1, got {shares}")
    return shares
