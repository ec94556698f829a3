"""The mean of Σ √λ over the eigenvalues λ of a Wishart matrix, to rounding."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

BEYOND = 9.0
"""How far past √m ± √d singular values are looked for: a normal's density is e^-40 there."""


@lru_cache(maxsize=64)
def mean_root_trace(m: int, d: int) -> float:
    """E tr (GᵀG)^½ = E Σ s for the singular values s of G `[m, d]`, entries N(0, 1).

    The singular values have the joint density ∏_{i<j} |s_i² − s_j²| ∏ w(s_i) with w(s) = s^{m−d} e^{−s²/2} (m ≥ d).
    By de Bruijn (1955), ∫ ∏|s_i² − s_j²| ∏ u(s_i) ds is a constant times the Pfaffian of the skew form
    ⟨φ_j, φ_k⟩ = ∫∫ sgn(y − x) φ_j(x) φ_k(y) dx dy over any functions φ_j that span u·(polynomials in s² below degree
    d), with ∫ φ_j as one more row and column if d is odd. With u = w (1 + ε s) the derivative of its logarithm at
    ε = 0 is E Σ s = ½ tr(M⁻¹ Ṁ). Integrals are sums over Gauss-Legendre points.
    """
    m, d = max(m, d), min(m, d)
    if not d:
        return 0.0
    grid = _grid(max(0.0, math.sqrt(m) - math.sqrt(d) - BEYOND), math.sqrt(m) + math.sqrt(d) + BEYOND, 100 + 6 * d)
    phi = _basis(grid, m, d)
    shifted = grid.points[:, None] * phi
    form = grid.skew(phi, phi)
    slope = grid.skew(shifted, phi) + grid.skew(phi, shifted)
    if d % 2:
        form, slope = _bordered(form, grid.weights @ phi), _bordered(slope, grid.weights @ shifted)
    return float(np.trace(np.linalg.solve(form, slope))) / 2


class _Grid(NamedTuple):
    """Points `[N]`, their weights in an integral over the range `[N]`, and the integrals up to each point `[N, N]`."""

    points: FloatArray
    weights: FloatArray
    upto: FloatArray

    def skew(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """∫∫ sgn(y − x) a_j(x) b_k(y) dx dy for functions at the points, `[N, d]` each."""
        below_less_above = 2 * self.upto @ a - self.weights @ a
        return np.asarray(below_less_above.T @ (self.weights[:, None] * b))


def _grid(low: float, high: float, count: int) -> _Grid:
    unit, half = _unit_grid(count), (high - low) / 2
    return _Grid(low + half * (unit.points + 1), half * unit.weights, half * unit.upto)


@lru_cache(maxsize=4)
def _unit_grid(count: int) -> _Grid:
    """Of [-1, 1]. A function is taken as its Legendre series; P_k integrates to (P_{k+1} − P_{k−1}) / (2k + 1)."""
    points, weights = np.polynomial.legendre.leggauss(count)
    degrees, series = np.arange(count), np.polynomial.legendre.legvander(points, count)
    integrals = np.column_stack([points + 1, (series[:, 2:] - series[:, :-2]) / (2 * degrees[1:] + 1)])
    coefficients = (degrees + 0.5) * series[:, :count] * weights[:, None]
    return _Grid(points, weights, integrals @ coefficients.T)


def _basis(grid: _Grid, m: int, d: int) -> FloatArray:
    """W times polynomials in s², orthonormal, `[N, d]`."""
    s, low, high = grid.points, grid.points[0], grid.points[-1]
    log_w = (m - d) * np.log(s) - s * s / 2
    x = (s * s - (low * low + high * high) / 2) / (high * high)
    phi, column = np.empty((len(s), d)), np.exp(log_w - log_w.max())
    for j in range(d):
        for _ in range(2):  # once more for what rounding left
            column = column - phi[:, :j] @ (phi[:, :j].T @ (grid.weights * column))
        phi[:, j] = column / math.sqrt(grid.weights @ (column * column))
        column = x * phi[:, j]
    return phi


def _bordered(form: FloatArray, last: FloatArray) -> FloatArray:
    return np.block([[form, last[:, None]], [-last[None], np.zeros((1, 1))]])
