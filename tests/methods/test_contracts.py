"""Every built-in method keeps the contract that `collapsebench check` asks of a stranger's."""

import pytest

from collapsebench.core.method import METHODS
from collapsebench.testing import method_results

CLOSED_FORM = ("gaussian", "categorical", "kde", "regression")


@pytest.mark.parametrize("name", METHODS.names())
def test_a_method_keeps_its_contract(name):
    weights_loss = "site_weights" in METHODS.get(name).card.needs  # closed forms have no loss to weight
    for result in method_results(METHODS.get(name), ["arithmetic"] if weights_loss else CLOSED_FORM):
        assert result.passed, f"{name}: {result.sentence} {result.detail}"
        assert result.outcome != "warning" or result.name == "used_access", f"{name}: {result.detail}"


def test_a_method_keeps_its_contract_on_a_task_whose_stages_are_stored():
    for result in method_results(METHODS.get("real_mix"), ["digits"]):
        assert result.passed, f"real_mix on digits: {result.sentence} {result.detail}"
