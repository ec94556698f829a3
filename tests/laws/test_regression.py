import math

import numpy as np
import pytest

from collapsebench import laws


def test_first_generations_by_hand():
    # d = 2, n = 5: v = sigma2 * 2 / 2.
    assert laws.regression_error(5, 2, 0.3) == pytest.approx(0.3)
    np.testing.assert_allclose(laws.regression_replace(5, 2, 0.3, 2), [0.3, 0.6, 0.9])
    np.testing.assert_allclose(laws.regression_accumulate(5, 2, 0.3, 1), [0.3, 0.3 * 1.25])
    # Ten rows of two designs: one more 2 sigma2 / (2 (10 - 3)).
    np.testing.assert_allclose(laws.regression_accumulate_fresh(5, 2, 0.3, 1), [0.3, 0.3 + 0.3 / 7])


def test_default_setting():
    assert laws.regression_error(111, 10, 1.0) == pytest.approx(0.1)


def test_where_the_expectation_is_infinite_or_unknown():
    assert laws.regression_error(3, 3, 1.0) == math.inf
    assert laws.regression_error(4, 3, 1.0) == math.inf
    with pytest.raises(ValueError, match="n >= d"):
        laws.regression_error(2, 3, 1.0)


@pytest.mark.parametrize("rule", ["replace", "accumulate", "accumulate_fresh"])
def test_simulation(rule, rng, worst_z):
    seeds, n, d, generations = 6_000, 14, 3, 2
    x = rng.standard_normal((seeds, n, d))
    y = rng.standard_normal((seeds, n))  # w* = 0, sigma2 = 1
    gram, moment = np.zeros((seeds, d, d)), np.zeros((seeds, d))
    errors = []
    for _ in range(generations + 1):
        if rule == "replace":
            gram, moment = np.zeros_like(gram), np.zeros_like(moment)
        gram += np.einsum("sni,snj->sij", x, x)
        moment += np.einsum("sni,sn->si", x, y)
        w = np.linalg.solve(gram, moment[..., None])[..., 0]
        errors.append((w**2).sum(1))
        if rule == "accumulate_fresh":
            x = rng.standard_normal((seeds, n, d))
        y = np.einsum("sni,si->sn", x, w) + rng.standard_normal((seeds, n))
    theory = getattr(laws, f"regression_{rule}")(n, d, 1.0, generations)
    assert worst_z(np.transpose(errors), theory) < 4
