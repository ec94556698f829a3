"""Real rows of a (task, seed), by hand: ten numbers, of which each is handed out once."""

import pytest
import torch

from collapsebench import Corpus
from collapsebench.core.corpus import real_share
from collapsebench.core.errors import LimitExceeded
from collapsebench.core.seeds import stream
from collapsebench.loop.source import RealSource
from collapsebench.testing import Toy


def numbers(corpus):
    return corpus["x"].tolist()


@pytest.fixture
def ten():
    """The source of a task with ten numbers, and the order that its seed puts them in."""
    task = Toy(population=10)
    return RealSource(task, n=4, seed=0), numbers(task.real(10, stream("real", "toy", 0)))


def test_a_population_is_handed_out_in_slices(ten):
    source, order = ten
    assert sorted(order) == list(range(1, 11))
    assert numbers(source.first()) == order[:4]
    assert numbers(source.fresh(1, 0, 2, 2)) == order[4:6]
    assert numbers(source.fresh(2, 0, 2, 2)) == order[6:8]
    assert numbers(source.fresh(2, 1, 1, 2)) == order[7:8]  # after the one that generation 2 already got
    assert numbers(source.outside(2)) == order[8:]


def test_all_are_real(ten):
    source, _ = ten
    parts = [source.first(), source.fresh(1, 0, 2, 2), source.outside(2), source.more(source.first(), [8])]
    assert all(real_share(part) == 1 for part in parts)


def test_the_sizes_of_a_learning_curve_are_nested(ten):
    source, order = ten
    assert numbers(source.more(source.first(), [8, 10])) == order
    assert numbers(source.more(source.first(), [8])) == order[:8]


def test_the_sizes_are_nested_where_draws_never_run_out_too():
    source = RealSource(Drawn(), n=4, seed=0)
    first = source.first()
    eight, sixteen = (numbers(source.more(first, sizes)) for sizes in ([8], [8, 16]))
    assert (len(eight), len(sixteen)) == (8, 16)
    assert eight[:4] == numbers(first)
    assert sixteen[:8] == eight
    assert len(set(sixteen)) == 16


def test_no_row_is_handed_out_twice_where_draws_never_run_out():
    source = RealSource(Drawn(), n=4, seed=0)
    fresh = [source.fresh(t, used, 3, 6) for t in (1, 2) for used in (0, 3)]
    rows = [x for part in (source.first(), *fresh, source.outside(5)) for x in numbers(part)]
    assert len(set(rows)) == len(rows) == 4 + 4 * 3 + 5


def test_another_seed_has_other_rows():
    assert numbers(RealSource(Drawn(), 4, 0).first()) != numbers(RealSource(Drawn(), 4, 1).first())
    assert numbers(RealSource(Drawn(), 4, 0).outside(4)) != numbers(RealSource(Drawn(), 4, 1).outside(4))


def test_more_than_there_are_is_refused(ten):
    source, _ = ten
    with pytest.raises(LimitExceeded, match="Task 'toy' has 10 real examples, 11 were asked for"):
        source.fresh(1, 0, 7, 7)


class Drawn(Toy):
    """Numbers between 0 and 1, no two of them equal."""

    def real(self, n, rng):
        return Corpus({"x": torch.rand(n, generator=rng, dtype=torch.float64)})
