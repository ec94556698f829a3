"""Validate: hold the closed forms of `collapsebench.laws` against the loop itself, real tasks and real methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..core.errors import unknown_name
from .claim import Claim, Logged, Metric, Setting, known
from .claims import all_claims
from .judge import Verdict, judge
from .measure import measure

__all__ = ["Claim", "Logged", "Metric", "Setting", "Verdict", "all_claims", "chosen", "judge", "validate"]


def validate(
    claims: Sequence[Claim],
    fast: bool = False,
    workers: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Verdict]:
    """Run the cells of claims through the loop and judge each.

    Args:
        claims: what to hold; see `chosen`.
        fast: few seeds, and only the claims that need few.
        workers: processes; 0 runs in this one.
        progress: called with the batches done and their total.
    """
    wanted = [(claim, seeds) for claim in claims if (seeds := claim.fast if fast else claim.seeds)]
    samples = measure(wanted, workers, progress)
    return [judge(claim, numbers) for (claim, _), numbers in zip(wanted, samples, strict=True)]


def chosen(names: Sequence[str]) -> list[Claim]:
    """The claims on these laws or families of laws; all for no name.

    Raises:
        UsageError: a name that is neither; the hint is the nearest one.
    """
    claims = all_claims()
    choices = {*known(), *(claim.family for claim in claims)}
    if unknown := [name for name in names if name not in choices]:
        raise unknown_name("law", unknown[0], choices)
    return [claim for claim in claims if not names or claim.law in names or claim.family in names]
