"""One-shot mixing of real labels with labels from shifted weights: test error of ridge regression.

Symbols: n = n_1 + n_2 examples, x ~ N(0, Sigma); labels of the first part from w_1 ~ N(0, Gamma), of the
second, a share p_2 = n_2/n, from w_2 with w_2 - w_1 ~ N(0, Delta); label noise sigma2 in both; ridge
penalty lambda on ||X w - y||^2/n + lambda ||w||^2. The error is E ||w_hat - w_1||^2_Sigma.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .law import Array, law, require


@law("asymptotic", source="arXiv:2410.04840", valid="d and n large at a fixed ratio, d != n as lambda tends to 0")
def shifted_ridge_error(
    spectrum: npt.ArrayLike,
    signal: Array | float,
    shift: Array | float,
    *,
    n: int,
    synthetic_share: float,
    ridge: float,
    sigma2: float,
) -> float:
    """E = B + V + zeta: bias, variance, and what the shifted labels cost.

    Args:
        spectrum: eigenvalues of Sigma `[d]`, positive.
        signal: diagonal of Gamma in Sigma's eigenbasis, `[d]` or a scalar.
        shift: diagonal of Delta in Sigma's eigenbasis, `[d]` or a scalar.
        n: examples in all.
        synthetic_share: p_2, the share of examples with shifted labels.
        ridge: lambda >= 0; 0 is the ridgeless limit.
        sigma2: variance of the label noise.
    """
    s = np.asarray(spectrum, dtype=np.float64)
    require(0 <= synthetic_share <= 1, f"synthetic_share must lie in [0, 1], got {synthetic_share}")
    require(ridge >= 0, f"ridge must be at least 0, got {ridge}")
    kappa = effective_ridge(s, n, ridge)
    p2, p1 = synthetic_share, 1 - synthetic_share
    used, inverse = _freedom(2, s, kappa) / n, (s + kappa) ** -2
    u = used / (1 - used)
    bias = kappa**2 * np.sum(signal * s * inverse) / (1 - used)
    shifted = p2**2 * (1 + p1 * u) * np.sum(shift * s**3 * inverse)
    confused = p2 * u * np.sum(shift * s * (p1 * s + kappa) ** 2 * inverse)
    return float(bias + sigma2 * u + shifted + confused)


@law("asymptotic", source="arXiv:2410.04840", valid="Sigma = I, lambda to 0, phi = d/n < 1")
def shifted_isotropic_error(phi: float, synthetic_share: float, shift: float, sigma2: float) -> float:
    """sigma2 phi/(1 - phi) + (p_2^2 + p_2 p_1 phi/(1 - phi)) c^2 with c^2 = tr Delta = `shift`.

    The second term's floor p_2^2 c^2 stays however large n is.
    """
    require(0 < phi < 1, f"needs 0 < d/n < 1, got {phi}")
    u, p2 = phi / (1 - phi), synthetic_share
    return sigma2 * u + (p2**2 + p2 * (1 - p2) * u) * shift


@law("exact", source="derived: ridge is linear in its labels", valid="any design, projection and lambda >= 0")
def shifted_given_design(
    design: npt.ArrayLike,
    shifted: npt.ArrayLike,
    spectrum: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    c2: float,
    sigma2: float,
    ridge: float = 0.0,
    projection: npt.ArrayLike | None = None,
) -> float:
    """E ||w_hat - w_1||^2_Sigma over noise and shift, given the rows, for Delta = c2/d I.

    Args:
        design: rows x `[n, d]`.
        shifted: which labels come from w_2, bool `[n]`.
        spectrum: diagonal of Sigma `[d]`.
        truth: w_1 `[d]`.
        c2: tr Delta.
        sigma2: variance of the label noise.
        ridge: lambda.
        projection: S `[d, m]` of a fit on x S, w_hat = S v; None for a fit on x.
    """
    x, s = np.asarray(design, dtype=np.float64), np.asarray(spectrum, dtype=np.float64)
    n, d = x.shape
    into = np.eye(d) if projection is None else np.asarray(projection, dtype=np.float64)
    features = x @ into
    if ridge:
        fit = np.linalg.solve(features.T @ features + ridge * n * np.eye(into.shape[1]), features.T)
    else:
        fit = np.linalg.pinv(features)
    fit = into @ fit
    off = (fit @ x - np.eye(d)) @ np.asarray(truth, dtype=np.float64)
    confused = fit @ (x * np.asarray(shifted)[:, None])
    noise = sigma2 * np.sum(s[:, None] * fit**2) + c2 / d * np.sum(s[:, None] * confused**2)
    return float(np.sum(s * off**2) + noise)


def effective_ridge(spectrum: npt.ArrayLike, n: int, ridge: float) -> float:
    """Effective ridge: kappa >= 0 with kappa - lambda = kappa df_1(kappa)/n, df_m(t) = tr Sigma^m (Sigma + t)^-m."""
    from scipy.optimize import brentq

    s = np.asarray(spectrum, dtype=np.float64)
    require(bool((s > 0).all()), "the spectrum must be positive")
    if ridge == 0 and len(s) <= n:
        require(len(s) < n, "the error is infinite at d = n without ridge")
        return 0.0
    highest = ridge + s.sum() / n
    return float(brentq(lambda k: k - ridge - k * _freedom(1, s, k) / n, 1e-12 * highest, highest, xtol=1e-15))


def _freedom(m: int, spectrum: Array, t: float) -> float:
    return float(np.sum((spectrum / (spectrum + t)) ** m))
