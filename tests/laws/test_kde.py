import numpy as np
import pytest

from collapsebench import laws


def test_first_generations_by_hand():
    np.testing.assert_allclose(laws.kde_replace(1, 0.5, 2), [1.25, 1.5, 1.75])
    np.testing.assert_allclose(laws.kde_accumulate(1, 0.5, 2), [1.25, 1.375, 1.25 + 0.125 + 0.25 / 3])


def test_quoted_values():
    assert laws.kde_replace(1, 0.5, 9)[-1] == 3.5
    assert laws.kde_accumulate(1, 0.5, 9)[-1] == pytest.approx(1.732, abs=5e-4)
    assert laws.kde_accumulate(1, 0.5, 49)[-1] == pytest.approx(2.125, abs=5e-4)


@pytest.mark.parametrize("rule", ["replace", "accumulate", "subsample"])
def test_simulation(rule, rng, worst_z):
    seeds, n, h, generations = 40_000, 3, 0.5, 3
    pool = train = rng.standard_normal((seeds, n))
    moments = []
    for _ in range(generations + 1):
        moments.append((train**2).mean(1) + h * h)
        centres = np.take_along_axis(train, rng.integers(train.shape[1], size=(seeds, n)), axis=1)
        synthetic = centres + h * rng.standard_normal((seeds, n))
        pool = np.concatenate([pool, synthetic], axis=1)
        train = {"replace": synthetic, "accumulate": pool}.get(rule, rng.permuted(pool, axis=1)[:, :n])
    theory = (laws.kde_replace if rule == "replace" else laws.kde_accumulate)(1, h, generations)
    assert worst_z(np.transpose(moments), theory) < 4
