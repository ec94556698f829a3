"""A fit that a process did not end goes on from its checkpoint, in the store, to the same record."""

import logging
from dataclasses import dataclass
from typing import ClassVar

import pytest

from collapsebench import Method, MethodCard, method
from collapsebench.core.task import TASKS
from collapsebench.loop.cell import Cell
from collapsebench.loop.protocol import single_task
from collapsebench.loop.runner import run_cell
from collapsebench.loop.store import StageCheckpoint, Store

STEPS = 6
SUMS = {"max_operand": 3, "heldout": 4, "width": 8, "heads": 2}


@pytest.fixture
def cell(registries):
    """Gives the cell of a method whose weights count the steps of M_1, and end the process after some."""

    @method("ends_in_a_fit")
    @dataclass(frozen=True)
    class EndsInAFit(Method):
        """What arrives, and a loss that is what it is."""

        made: ClassVar[list[int]] = []
        last: ClassVar[int] = STEPS

        card = MethodCard(title="Ends in a fit")

        def curate(self, arrivals, ctx):
            return arrivals

        def site_weights(self, log_probs):
            if len(self.made) == self.last:
                raise KeyboardInterrupt
            self.made.append(1)

    made = EndsInAFit.made

    def make(minutes, last=STEPS):
        made.clear()
        EndsInAFit.last = last
        protocol = single_task(
            "arithmetic",
            1,
            n=16,
            budget={"steps": STEPS, "batch": 4},
            params=SUMS,
            cell={"checkpoint_minutes": minutes},
        )
        return Cell(protocol, TASKS.get("arithmetic").make(SUMS), EndsInAFit(), 0), made

    return make


def interrupted(cell, store, minutes):
    """Run until three steps of M_1 are made; gives what lies in the store of it."""
    ending, _ = cell(minutes, last=3)
    with pytest.raises(KeyboardInterrupt):
        run_cell(ending, store)
    return sorted(store.root.glob("stages/fit/*.checkpoint"))


def test_a_fit_goes_on_from_its_checkpoint(cell, tmp_path):
    whole = run_cell(cell(60.0)[0], Store(tmp_path / "whole"))
    assert whole.cell.status == "done", whole.cell.reason
    store = Store(tmp_path / "store")
    assert len(interrupted(cell, store, minutes=1e-9)) == 1
    again, made = cell(1e-9)
    assert run_cell(again, store).same_result(whole)
    assert len(made) == 3, "the first three steps are not made twice"
    assert not list(store.root.rglob("*.checkpoint"))


def test_a_fit_that_takes_less_than_its_minutes_leaves_none(cell, tmp_path):
    assert not interrupted(cell, Store(tmp_path), minutes=60.0)


@pytest.mark.parametrize("of_another", [False, True], ids=["cut", "of another fit"])
def test_a_checkpoint_that_is_none_of_this_fit_is_not_believed(cell, tmp_path, caplog, of_another):
    whole = run_cell(cell(60.0)[0], Store(tmp_path / "whole"))
    store = Store(tmp_path / "store")
    [left] = interrupted(cell, store, minutes=1e-9)
    if of_another:
        other = StageCheckpoint(left.with_name("other.checkpoint"), 1.0)
        other.write(StageCheckpoint(left, 1.0).read())
        other.path.replace(left)
    else:
        left.write_bytes(left.read_bytes()[:-9])
    again, made = cell(1e-9)
    with caplog.at_level(logging.WARNING):
        assert run_cell(again, store).same_result(whole)
    assert "is damaged" in caplog.text
    assert len(made) == STEPS


def test_how_often_it_is_written_is_no_part_of_a_cell(cell):
    assert cell(1.0)[0].digest == cell(60.0)[0].digest
