import pytest

from collapsebench.core.method import METHODS
from collapsebench.testing import Toy

EXACT = {"missed": 0.0, "false_alarm": 0.0}


def test_it_trains_on_the_first_real_set_and_all_arrivals_that_bear_no_mark(curate):
    out = curate("marked_real", n=4, t=2, worlds={"purify": {"k": 10, "alpha": 0.3, **EXACT}})
    assert out.rows == out.real
    assert len(out.rows) == 4 + 3 + 3
    assert out.log == {"kept_share": pytest.approx(0.3)}
    assert out.costs["mark_calls"] == 10


def test_marks_err_at_the_worlds_rates(curate):
    worlds = {"purify": {"k": 4000, "alpha": 0.5, "missed": 0.2, "false_alarm": 0.1}}
    out = curate("marked_real", n=4, task=Toy(drift=1e5), worlds=worlds, memory="replace")
    assert abs(len(out.real) - 1800) < 60  # of 2,000 real rows; standard error 13
    assert abs(len(out.rows) - len(out.real) - 400) < 80  # of as many synthetic ones; standard error 18


def test_where_no_arrival_is_real_there_is_the_first_real_set(curate):
    assert curate("marked_real", n=4, worlds={"purify": {"alpha": 0.0, **EXACT}}).rows == [1, 2, 3, 4]


def test_its_track_is_that_of_marks_with_any_memory():
    cls = METHODS.get("marked_real")
    assert cls().access() == {"mark"}
    assert cls(memory="anchored").access() == {"mark", "history"}
    assert cls().track == cls(memory="anchored").track == "marked"
    assert cls().questions() == {"purify"}
