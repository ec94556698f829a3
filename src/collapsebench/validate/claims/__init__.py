"""The table of claims, one module per family of laws."""

from __future__ import annotations

from ..claim import Claim
from . import categorical, curation, editing, gaussian, kde, mixing, regression, regular, shifted, tails, verification


def all_claims() -> list[Claim]:
    """Every claim, in the order of the page."""
    first = (gaussian, regular, kde, regression, editing, shifted)
    families = (*first, mixing, categorical, tails, verification, curation)
    return [claim for family in families for claim in family.claims()]
