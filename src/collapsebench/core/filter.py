"""Filter: a method that keeps some of the rows that it sees; what it trains them with is a choice apart."""

from __future__ import annotations

from typing_extensions import override

from .context import Memory
from .method import Method


class Filter(Method):
    """A method whose D_t is `ctx.remember(kept, self.memory)`.

    Args:
        memory: what the kept rows are trained with: `replace`, alone; `accumulate`, with D_0 and all kept before;
            `subsample`, n of those; `anchored`, with D_0.
    """

    memory: Memory = "accumulate"

    @override
    def access(self) -> frozenset[str]:
        return super().access() | ({"history"} if self.memory == "anchored" else set())
