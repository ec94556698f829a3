import numpy as np
import pytest

from collapsebench import laws

D = 100
FLAT, HARMONIC = np.ones(D), 1 / np.arange(1, D + 1)


def test_ridgeless_isotropic_by_hand():
    # d = 100, n = 400, p_2 = .2, c^2 = .1: .1/3 + (.04 + .16/3)/10.
    assert laws.shifted_isotropic_error(0.25, 0.2, 0.1, 0.1) == pytest.approx(0.1 / 3 + 0.004 + 0.016 / 3)
    # Without noise or shift the ridgeless fit is perfect; all-shifted labels cost exactly the shift.
    assert laws.shifted_isotropic_error(0.5, 0.0, 1.0, 0.0) == 0
    assert laws.shifted_isotropic_error(0.5, 1.0, 0.7, 0.0) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("spectrum", "n", "share", "ridge", "shift", "error"),
    [
        (FLAT, 400, 0.2, 0.0, 0.1, 0.04267),
        (FLAT, 400, 0.2, 0.1, 0.1, 0.04761),
        (FLAT, 150, 0.5, 0.3, 0.5, 0.31687),
        (FLAT, 2000, 0.01, 0.0, 1.0, 0.00588),
        (HARMONIC, 300, 0.3, 0.01, 0.3, 0.02168),
    ],
)
def test_quoted_checks(spectrum, n, share, ridge, shift, error):
    value = laws.shifted_ridge_error(spectrum, 1 / D, shift / D, n=n, synthetic_share=share, ridge=ridge, sigma2=0.1)
    assert value == pytest.approx(error, abs=6e-6)


def test_the_general_law_contains_the_isotropic_one():
    general = laws.shifted_ridge_error(FLAT, 1 / D, 0.4 / D, n=160, synthetic_share=0.3, ridge=0.0, sigma2=0.2)
    assert general == pytest.approx(laws.shifted_isotropic_error(D / 160, 0.3, 0.4, 0.2))


def test_effective_ridge_solves_its_equation():
    for n, ridge in [(150, 0.3), (50, 0.0), (50, 1e-3)]:
        kappa = laws.effective_ridge(HARMONIC, n, ridge)
        assert kappa - ridge == pytest.approx(kappa * np.sum(HARMONIC / (HARMONIC + kappa)) / n)
    assert laws.effective_ridge(HARMONIC, 200, 0.0) == 0
    with pytest.raises(ValueError, match="infinite"):
        laws.effective_ridge(HARMONIC, 100, 0.0)


def test_the_law_given_the_rows_by_simulation():
    rng, n, d, c2, sigma2, ridge = np.random.default_rng(0), 8, 4, 2.0, 0.5, 0.1
    x, into, spectrum = rng.standard_normal((n, d)), rng.standard_normal((d, 3)), np.arange(1.0, d + 1) ** -1
    truth, shifted = np.ones(d) / 2, np.arange(n) >= 5
    errors = []
    for _ in range(20_000):
        y = x @ truth + shifted * (x @ rng.normal(0, (c2 / d) ** 0.5, d)) + rng.normal(0, sigma2**0.5, n)
        features = x @ into
        fitted = into @ np.linalg.solve(features.T @ features + ridge * n * np.eye(3), features.T @ y)
        errors.append(np.sum(spectrum * (fitted - truth) ** 2))
    keys = {"c2": c2, "sigma2": sigma2, "ridge": ridge, "projection": into}
    assert laws.shifted_given_design(x, shifted, spectrum, truth, **keys) == pytest.approx(np.mean(errors), rel=0.02)


def test_the_law_given_the_rows_is_the_limit_on_average():
    rng, n, d = np.random.default_rng(0), 200, 50
    keys, shifted = {"c2": 0.4, "sigma2": 0.1}, np.arange(n) < 60
    given = [
        laws.shifted_given_design(rng.standard_normal((n, d)), shifted, np.ones(d), np.zeros(d), **keys)
        for _ in range(50)
    ]
    assert np.mean(given) == pytest.approx(laws.shifted_isotropic_error(d / n, 0.3, 0.4, 0.1), rel=0.05)
