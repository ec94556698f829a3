"""The table of claims, one module per family of laws."""

from __future__ import annotations

from ..claim import Claim
from . import categorical, curation, editing, gaussian, kde, mixing, regression, regular, shifted, tails, verification

_FAMILIES = (
    gaussian,
    regular,
    kde,
    regression,
    editing,
    shifted,
    mixing,
    categorical,
    tails,
    verification,
    curation,
)


def all_claims() -> list[Claim]:
    """Every claim, in the order of the page."""
    return [claim for family in _FAMILIES for claim in family.claims()]
