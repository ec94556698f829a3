"""A checklist: named checks, what each found, and which could not be made because an earlier one failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from ..core.errors import CollapsebenchError
from .random_state import fixed_random_state

Outcome = Literal["passed", "failed", "warning", "skipped"]

Subject = TypeVar("Subject")
Finder = Callable[[Subject], Iterable[str]]
"""A check: gives the problems that it finds, none if all is well."""


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Args:
        sentence: what it asserts.
        outcome: `warning` for what a careful author would change but nothing depends on.
        detail: the problems, or why the check was skipped.
    """

    name: str
    sentence: str
    outcome: Outcome
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing stands in the way of using the plug-in."""
        return self.outcome != "failed"


class NotApplicable(Exception):
    """Raised by a check that has nothing to look at; its text says why."""


@dataclass(frozen=True)
class _Check(Generic[Subject]):
    find: Finder[Subject]
    needs: tuple[str, ...]
    warns: bool


class Checklist(Generic[Subject]):
    """Checks in the order in which they are made; a function's docstring is the sentence that it asserts."""

    def __init__(self) -> None:
        self._checks: list[_Check[Subject]] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the checks, in order."""
        return tuple(check.find.__name__ for check in self._checks)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What they assert, in order."""
        return tuple((check.find.__doc__ or "").strip().partition("\n")[0] for check in self._checks)

    def add(self, *needs: str, warns: bool = False) -> Callable[[Finder[Subject]], Finder[Subject]]:
        """Decorator: append a check.

        Args:
            needs: earlier checks without which this one would only repeat their problem.
            warns: whether its problems are warnings.
        """

        def append(find: Finder[Subject]) -> Finder[Subject]:
            self._checks.append(_Check(find, needs, warns))
            return find

        return append

    def run(self, subject: Subject) -> list[CheckResult]:
        """Make every check; global random state is the same for each and as it was afterwards."""
        results = []
        blocked: set[str] = set()
        for check, name, sentence in zip(self._checks, self.names, self.sentences, strict=True):
            outcome: Outcome = "skipped"
            if reasons := blocked.intersection(check.needs):
                detail = f"needs {', '.join(sorted(reasons))}"
            else:
                outcome, detail = _made(check, subject)
            if reasons or outcome == "failed":
                blocked.add(name)
            results.append(CheckResult(name, sentence, outcome, detail))
        return results


def _made(check: _Check[Subject], subject: Subject) -> tuple[Outcome, str]:
    outcome: Outcome
    try:
        with fixed_random_state():
            problems = list(dict.fromkeys(check.find(subject)))
        outcome = "passed" if not problems else "warning" if check.warns else "failed"
    except NotApplicable as reason:
        problems, outcome = [str(reason)], "skipped"
    except Exception as error:  # a plug-in may fail in any way; that is a finding
        problems, outcome = [said(error)], "failed"
    return outcome, " ".join(problems)


def said(error: BaseException) -> str:
    """An exception as sentences of a report: what is wrong, and what to do about it."""
    if isinstance(error, CollapsebenchError):
        return f"{error.message} {error.hint}".strip()
    return f"{type(error).__name__}: {error}"
