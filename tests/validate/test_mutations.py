"""Faults in the loop's parts, one per law at least: each is refused, and what it is a fault of is not.

Heavy ones run with COLLAPSEBENCH_MUTATIONS=all, and in `python benchmarks/mutations.py`.
"""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from collapsebench.validate.claim import known

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load():
    spec = importlib.util.spec_from_file_location("mutations_benchmark", BENCHMARKS / "mutations.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


table = load()
every = os.environ.get("COLLAPSEBENCH_MUTATIONS") == "all"


def test_every_law_has_a_fault():
    assert {mutation.law for mutation in table.MUTATIONS} == set(known())


@pytest.mark.parametrize("mutation", table.MUTATIONS, ids=lambda mutation: f"{mutation.law}: {mutation.fault}")
def test_a_fault_is_caught(mutation):
    if mutation.heavy and not every:
        pytest.skip("takes too long; COLLAPSEBENCH_MUTATIONS=all runs it")
    assert table.caught(mutation)


def test_the_table_says_what_was_missed(capsys, monkeypatch):
    fault = table.Mutation("keep_rate", "none", lambda setting: setting, 20, (0,))
    monkeypatch.setattr(table, "MUTATIONS", (fault,))
    assert table.main(["keep_rate"]) == 1
    assert capsys.readouterr().out.split() == ["keep_rate", "none", "MISSED"]
    assert table.main(["another_law"]) == 0
