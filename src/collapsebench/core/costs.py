"""The costs: what a lineage was given and what it cost, counted by the harness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class Costs:
    """Counts since the start of a cell. Every field is a board column or adds up to one."""

    real_examples: int = 0
    """Real examples handed out: D_0 and every fresh draw."""
    synthetic_examples: int = 0
    """Examples sampled from a model: each S_t and every extra candidate."""
    scored_tokens: int = 0
    """Tokens (sites, rows) scored by a model or prior at the method's request."""
    mark_calls: int = 0
    """Examples whose mark was read."""
    verifier_calls: int = 0
    """Examples judged by the verifier."""
    reward_calls: int = 0
    """Examples judged by the reward."""
    trained_tokens: int = 0
    """Tokens (rows, for other data) that passed through training, repeats counted."""
    optimizer_steps: int = 0
    """Optimizer steps; 0 for closed-form learners."""

    def add(self, other: Costs) -> None:
        """Add another's counts to this one."""
        self.real_examples += other.real_examples
        self.synthetic_examples += other.synthetic_examples
        self.scored_tokens += other.scored_tokens
        self.mark_calls += other.mark_calls
        self.verifier_calls += other.verifier_calls
        self.reward_calls += other.reward_calls
        self.trained_tokens += other.trained_tokens
        self.optimizer_steps += other.optimizer_steps

    def to_dict(self) -> dict[str, int]:
        """Counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, counts: Mapping[str, int]) -> Costs:
        """The inverse of `to_dict`."""
        return cls(**counts)
