import inspect

import numpy as np
import pytest

from collapsebench import laws


def test_every_law_says_its_kind_source_and_range():
    assert len(laws.LAWS) > 30
    for name, entry in laws.LAWS.items():
        assert getattr(laws, name) is entry.formula
        assert entry.kind in ("exact", "asymptotic", "bound")
        assert (entry.tolerance is not None) == (entry.kind == "asymptotic")
        assert entry.source.startswith(("arXiv:", "derived", "mean of"))
        assert entry.valid
        assert inspect.getdoc(entry.formula)


def test_curves_start_at_the_fit_on_real_data():
    assert laws.gaussian_replace(4, 0).tolist() == [0.75]
    assert laws.regular_replace(2).tolist() == [1, 2, 3]


def test_arguments_outside_a_laws_range_are_refused():
    with pytest.raises(ValueError, match="generations"):
        laws.regular_replace(-1)
    with pytest.raises(ValueError, match="add up to 1"):
        laws.categorical_diversity([0.5, 0.4], 10, 1)
    with pytest.raises(ValueError, match="negative"):
        laws.categorical_diversity(np.array([1.5, -0.5]), 10, 1)
