"""Cells for the benchmarks: one (protocol, task, method, seed) in a line."""

import json

from collapsebench.loop.cell import Cell
from collapsebench.loop.plugins import make_method, make_task
from collapsebench.loop.protocol import Protocol, parse_protocol


def protocol(task: str, n: int, generations: int, **entry: object) -> Protocol:
    """A protocol with one task."""
    content = {
        "name": "benchmark",
        "version": 1,
        "description": "for measuring",
        "generations": generations,
        "seeds": 1,
        "tasks": {task: {"n": n, **entry}},
    }
    return parse_protocol(json.dumps(content), "benchmark")


def cell(rules: Protocol, task: str, method: str, seed: int) -> Cell:
    """One cell of it."""
    return Cell(rules, make_task(task, rules.rules(task).params), make_method(method, {}), seed)
