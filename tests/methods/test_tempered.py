import pytest

from collapsebench import PluginError
from collapsebench.plan import make_method
from collapsebench.registry import TASKS


def test_by_default_it_only_cools():
    decoding = make_method("tempered", {}).decoding(1)
    assert (decoding.temperature, decoding.top_k, decoding.top_p) == (0.9, None, None)


def test_it_can_keep_the_most_probable_outcomes():
    decoding = make_method("tempered", {"temperature": 1.0, "top_k": 5, "top_p": 0.8}).decoding(3)
    assert decoding.features == {"top_k", "top_p"}


def test_tasks_that_cannot_sample_so_are_skipped():
    gaussian = TASKS.get("gaussian").card
    assert make_method("tempered", {}).skip(gaussian) is None
    assert "top_k" in make_method("tempered", {"top_k": 3}).skip(gaussian)


@pytest.mark.parametrize("params", [{"temperature": 0}, {"top_k": -1}, {"top_p": 0}])
def test_bad_parameters_are_named(params):
    (name,) = params
    with pytest.raises(Exception, match=name) as error:
        make_method("tempered", params)
    assert not isinstance(error.value, PluginError)  # a user's mistake, reported as one
