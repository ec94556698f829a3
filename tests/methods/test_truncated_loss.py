import pytest
import torch

from collapsebench import PluginError
from collapsebench.core.method import METHODS
from collapsebench.testing import Toy


def test_tokens_that_the_model_is_certain_of_have_no_loss():
    probabilities = torch.tensor([[0.5, 0.98, 0.995], [1.0, 1e-9, 0.9899]])
    weights = METHODS.get("truncated_loss")(gamma=0.99).site_weights(probabilities.log())
    assert weights.tolist() == [[1, 1, 0], [0, 1, 1]]
    assert METHODS.get("truncated_loss")(gamma=1.0).site_weights(probabilities.log()).all()


def test_it_trains_on_n_distinct_examples_of_everything_so_far(curate):
    outs = [curate("truncated_loss", n=8, seed=seed, task=Toy(drift=100, stepped=True)) for seed in range(20)]
    assert all(len(set(out.rows)) == 8 for out in outs)
    assert {row for out in outs for row in out.real} == set(range(1, 9))
    assert all(set(out.rows) - set(out.real) <= set(out.synthetic) for out in outs)
    assert sum(len(out.real) for out in outs) / 20 == pytest.approx(4, abs=0.7)  # standard error 0.23


def test_it_is_blind():
    assert METHODS.get("truncated_loss")().track == "blind"


@pytest.mark.parametrize("gamma", [0.0, 1.5, float("nan")])
def test_a_bad_threshold_is_named(gamma):
    with pytest.raises(PluginError, match="gamma"):
        METHODS.get("truncated_loss")(gamma=gamma)
