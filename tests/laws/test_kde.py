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
