import pytest
import torch

from collapsebench import PluginError
from collapsebench.core.method import METHODS
from collapsebench.testing import Toy


def weights_of(probabilities, **params):
    return METHODS.get("truncated_loss")(**params).site_weights(torch.tensor(probabilities).log()).tolist()


def test_the_surest_share_of_the_tokens_has_no_loss_however_unsure_the_model_is():
    # Of eight tokens, 6 = 0.75 * 8 keep their loss: all but the .3 and the .4.
    assert weights_of([[0.1, 0.2, 0.3, 0.05], [0.4, 0.01, 0.15, 0.25]], gamma=0.75) == [[1, 1, 0, 1], [0, 1, 1, 1]]


def test_gamma_is_the_share_of_the_tokens_that_keep_their_loss():
    (weights,) = weights_of([[i / 1000 for i in range(1, 101)]])
    assert weights == [1] * 90 + [0] * 10


def test_padding_does_not_count_among_the_tokens():
    # Of the four tokens that are no padding, two keep their loss.
    assert weights_of([[0.1, 0.2, 1.0, 1.0], [0.3, 0.4, 1.0, 1.0]], gamma=0.5) == [[1, 1, 0, 0], [0, 0, 0, 0]]
    assert weights_of([[1.0, 1.0]]) == [[1, 1]]


def test_tokens_as_probable_as_the_limit_keep_their_loss():
    assert weights_of([[0.2, 0.2, 0.2, 0.2]], gamma=0.5) == [[1, 1, 1, 1]]


def test_the_limit_can_be_a_probability():
    params = {"limit": "probability", "gamma": 0.99}
    assert weights_of([[0.5, 0.98, 0.995], [1.0, 1e-9, 0.9899]], **params) == [[1, 1, 0], [0, 1, 1]]


@pytest.mark.parametrize("limit", ["quantile", "probability"])
def test_a_gamma_of_one_leaves_every_loss(limit):
    assert weights_of([[0.5, 0.98, 0.995], [0.3, 1e-9, 0.9899]], gamma=1.0, limit=limit) == [[1, 1, 1], [1, 1, 1]]


def test_it_trains_on_everything_so_far(curate):
    out = curate("truncated_loss", n=4, task=Toy(drift=100, stepped=True))
    assert out.real == [1, 2, 3, 4]
    assert out.rows[4:] == out.arrived


def test_it_is_blind():
    assert METHODS.get("truncated_loss")().track == "blind"


@pytest.mark.parametrize("bad", [{"gamma": 0.0}, {"gamma": 1.5}, {"gamma": float("nan")}, {"limit": "loss"}])
def test_a_bad_threshold_is_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("truncated_loss")(**bad)
