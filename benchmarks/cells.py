"""Cells for the benchmarks: one (protocol, task, world, method, seed) in a line."""

from collapsebench.loop.cell import Cell
from collapsebench.loop.plugins import make_method, make_task
from collapsebench.loop.protocol import Protocol


def cell(rules: Protocol, task: str, method: str, seed: int, world: str = "preserve") -> Cell:
    """One cell of a protocol."""
    return Cell(rules, make_task(task, rules.rules(task).params), make_method(method, {}), seed, world)
