from itertools import islice

import pytest

from collapsebench.loop import snapshot
from collapsebench.loop.lineage import Lineage
from collapsebench.loop.runner import generations_of


def interrupted(cell, after):
    """A lineage left after some generations, and another one restored from its snapshot."""
    first = Lineage(cell, None)
    records = list(islice(generations_of(first), after + 1))
    second = Lineage(cell, None)
    assert snapshot.restore(second, snapshot.take(first, records)) == records
    return second, records


def timeless(records):
    return [(r.t, r.metrics, r.costs, r.rows, r.real_share, r.log) for r in records]


@pytest.mark.parametrize("method", ["replace", "accumulate", "accumulate_subsample", "toy_blend", "real_mix"])
@pytest.mark.parametrize("after", [0, 2])
def test_a_restored_lineage_goes_on_as_the_interrupted_one_would_have(make_cell, method, after):
    cell = make_cell(method, generations=5, rules={"params": {"noise": 1.0}})
    whole = list(generations_of(Lineage(cell, None)))

    lineage, records = interrupted(cell, after)
    records += generations_of(lineage)

    assert timeless(records) == timeless(whole)


@pytest.mark.parametrize(("method", "task"), [("accumulate", "gaussian"), ("token_edit", "gaussian")])
def test_a_built_in_task_is_restored_to_the_bit(make_protocol, method, task):
    from collapsebench.loop.cell import Cell
    from collapsebench.loop.plugins import make_method, make_task

    protocol = make_protocol(generations=4, tasks={task: {"n": 12}})
    cell = Cell(protocol, make_task(task, {"d": 2}), make_method(method, {}), seed=0)
    lineage, records = interrupted(cell, 2)
    assert timeless([*records, *generations_of(lineage)]) == timeless(generations_of(Lineage(cell, None)))


def test_blocks_that_corpora_share_are_shared_again(make_cell):
    """`accumulate` trains on D_0 and S_1..S_t: the same blocks as the history, so they are stored once."""
    lineage, _ = interrupted(make_cell("accumulate", rules={"n": 100}, generations=4), 3)

    history = [corpus.value.blocks[0] for corpus in lineage.history]
    assert [id(block) for block in lineage.corpus.value.blocks] == [id(block) for block in history]
    assert lineage.corpus.value.order is not None


def test_a_finished_lineage_has_nothing_left_to_do(make_cell):
    lineage, _ = interrupted(make_cell(generations=2), 2)
    assert list(generations_of(lineage)) == []
