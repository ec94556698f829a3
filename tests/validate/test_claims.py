"""The table of claims, and the loop held against each of them."""

from dataclasses import replace

import pytest

from collapsebench.core.errors import UsageError
from collapsebench.validate import all_claims, chosen, validate
from collapsebench.validate.claim import known


def test_every_law_has_a_claim_and_every_exact_one_at_least_200_seeds():
    claims = all_claims()
    assert {c.law for c in claims} == set(known())
    for c in claims:
        if known()[c.law].kind == "exact" and c.gate == "exact":
            assert c.seeds >= 200, c.law


def test_every_setting_names_a_task_and_a_method_that_exist():
    for c in all_claims():
        for setting in c.settings:
            setting.cell()
        assert len(c.theory) == (c.settings[0].generations + 1 if len(c.settings) == 1 else len(c.settings))


def test_laws_and_families_are_chosen_by_name():
    assert {c.law for c in chosen(["kept_precision"])} == {"kept_precision"}
    assert {c.family for c in chosen(["gaussian"])} == {"gaussian"}
    with pytest.raises(UsageError, match="gausian") as error:
        chosen(["gausian_replace"])
    assert "gaussian_replace" in error.value.hint


FAMILIES = tuple(dict.fromkeys(claim.family for claim in all_claims()))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loop_contradicts_no_claim_on_few_seeds(family):
    """12 cells of the settings of a fast run, against 6 standard errors, as Student's t has wide tails at so few.

    `collapsebench validate` runs all seeds.
    """
    few = [replace(claim, fast=12) for claim in chosen([family]) if claim.fast]
    for verdict in validate(few, fast=True):
        name, gate = f"{verdict.claim.law} of {verdict.claim.setting}", verdict.claim.gate
        if gate in ("rising", "falling"):
            assert (verdict.deviation > 0) == (gate == "rising"), name
        elif gate in ("asymptotic", "slope"):
            tolerated = verdict.claim.largest_error * abs(verdict.theory)
            assert abs(verdict.measured - verdict.theory) < tolerated + 4 * verdict.standard_error, name
        elif gate == "exact":
            assert abs(verdict.deviation) < 6, name
        else:
            assert verdict.passed, name
