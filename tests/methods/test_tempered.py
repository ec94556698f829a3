import pytest

from collapsebench.core.errors import UsageError
from collapsebench.core.task import TASKS
from collapsebench.loop.plugins import make_method


def test_by_default_it_only_cools():
    decoding = make_method("tempered", {}).decoding(1)
    assert (decoding.temperature, decoding.top_k, decoding.top_p) == (0.9, None, None)


def test_it_can_keep_the_most_probable_outcomes():
    decoding = make_method("tempered", {"temperature": 1.0, "top_k": 5, "top_p": 0.8}).decoding(3)
    assert decoding.features == {"top_k", "top_p"}


def test_it_needs_what_its_decoding_uses():
    gaussian = TASKS.get("gaussian").card.supports
    assert make_method("tempered", {}).needs() == {"temperature"} <= gaussian
    assert make_method("tempered", {"top_k": 3}).needs() - gaussian == {"top_k"}


@pytest.mark.parametrize("params", [{"temperature": 0}, {"top_k": -1}, {"top_p": 0}])
def test_bad_parameters_are_named(params):
    (name,) = params
    with pytest.raises(UsageError, match=name):
        make_method("tempered", params)
