"""Next-token tables with Zipf rows: rare tokens are lost first, and the loss is known in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import torch

from collapsebench import Corpus, Count, Finite, Learner, Metric, NonNegative, PluginError, Start, Task, TaskCard, task

LAW_SEED = 20240613
"""Fixes which token has which rank after each context: P* is the same in every run."""

MOST_ROWS = 200
"""Rows per context up to which `theory` follows the counts of tokens: its time grows with their square."""


@task("categorical")
class Categorical(Task):
    """One categorical distribution per context, fitted by counting.

    After each context `support` of the tokens are possible, with a Zipf law over a permutation of
    their own. A sample of n rows is balanced: every context has n / contexts of them, and what does not
    divide goes to contexts drawn at random, one each.

    The verifier rejects impossible tokens. Plain proportions never propose one, except after a context
    that a method left without any row; with `smoothing` every model leaks some mass to them.

    Args:
        contexts: number of contexts.
        tokens: number of tokens.
        support: how many tokens are possible after a context.
        exponent: the token of rank r has probability ∝ 1 / r^exponent.
        smoothing: pseudo-count per context of the learner, spread evenly over all tokens.
        rare_reward: reward of a token of the rarer half of the possible ones; every other token has 0.
    """

    contexts: Count = 20
    tokens: Count = 60
    support: Count = 50
    exponent: Finite = 1.0
    smoothing: NonNegative = 0.0
    rare_reward: Finite = 1.0

    card = TaskCard(
        title="Categorical",
        modality="tokens",
        suite="theory",
        primary="l2",
        unit="squared L2",
        metrics={
            "l2": Metric("squared L2 distance to P*, mean over contexts", 0, 2),
            "entropy": Metric("entropy of the model, nats, mean over contexts", 0),
            "support_lost": Metric("share of the possible tokens that the model cannot produce", 0, 1),
            "tail_mass": Metric("probability of the rarer half of the possible tokens, mean over contexts", 0, 1),
        },
        supports={"sites", "log_prob", "temperature", "top_k", "top_p", "verifier", "reward"},
        shown=("support_lost", "tail_mass"),
    )

    def __post_init__(self) -> None:
        if self.support > self.tokens:
            raise PluginError(f"categorical: support must be at most tokens = {self.tokens}, got {self.support}.")
        about = f"tokens after {self.contexts} contexts, Zipf over {self.support} each; a table of their proportions"
        object.__setattr__(self, "card", replace(type(self).card, about=about))

    @cached_property
    def law(self) -> torch.Tensor:
        """P*(token | context), float64 `[contexts, tokens]`."""
        rank = torch.arange(1, self.support + 1, dtype=torch.float64)
        zipf = torch.zeros(self.tokens, dtype=torch.float64)
        zipf[: self.support] = rank.pow(-self.exponent) / rank.pow(-self.exponent).sum()
        rng = torch.Generator().manual_seed(LAW_SEED)
        return torch.stack([zipf[torch.randperm(self.tokens, generator=rng)] for _ in range(self.contexts)])

    @cached_property
    def concentration(self) -> float:
        """‖P*‖², the same after every context."""
        return float(self.law[0] @ self.law[0])

    @cached_property
    def possible(self) -> torch.Tensor:
        """Which tokens P* can produce, bool `[contexts, tokens]`."""
        return self.law > 0

    @cached_property
    def rare(self) -> torch.Tensor:
        """The rarer half of the possible tokens of each context, as 0 and 1, float64 `[contexts, tokens]`."""
        from collapsebench.scoring import rarest_half

        return rarest_half(self.law).to(torch.float64)

    def conditions(self, n: int, rng: torch.Generator, first: Corpus | None = None) -> Corpus:
        """A balanced sample of contexts."""
        whole, rest = divmod(n, self.contexts)
        contexts = torch.arange(self.contexts).repeat(whole)
        if rest:
            contexts = torch.cat([contexts, torch.randperm(self.contexts, generator=rng)[:rest]])
        return Corpus({"context": contexts})

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        from collapsebench.learners import draw_outcomes

        contexts = self.conditions(n, rng)["context"]
        return Corpus({"context": contexts, "token": draw_outcomes(self.law, contexts, rng)})

    def learner(self, rng: torch.Generator) -> Learner:
        from collapsebench.learners import CategoricalLearner

        return CategoricalLearner(self.contexts, self.tokens, self.smoothing)

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        """Exact distances to P*; nothing is drawn."""
        from collapsebench.learners import CategoricalLearner
        from collapsebench.scoring import entropy, mass, squared_l2, support_lost

        assert isinstance(learner, CategoricalLearner)
        return {
            "l2": squared_l2(learner.tables, self.law),
            "entropy": entropy(learner.tables),
            "support_lost": support_lost(learner.tables, self.possible),
            "tail_mass": mass(learner.tables, self.rare),
        }

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Tokens that are possible after their context."""
        return self.possible[corpus["context"], corpus["token"]]

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """`rare_reward` for a token of the rarer half of the possible ones, else 0."""
        return self.rare_reward * self.rare[corpus["context"], corpus["token"]]

    def theory(self, method: str, n: int, generations: int) -> dict[str, list[float]]:
        """Expected metrics at t = 0..generations, exact; {} where no closed form is known.

        The mean of a token's proportion never moves. `entropy` and `support_lost` are of its whole distribution, which
        is followed for up to `MOST_ROWS` rows per context.
        """
        import numpy as np

        from collapsebench import laws

        from .counts import lost_and_entropy

        chain, (rows, rest) = laws.chained(method, generations), divmod(n, self.contexts)
        if rest or self.smoothing:
            plain = chain is not None and chain[-1] == 1
            return {"l2": self.learning_curve([n]) * (generations + 1)} if plain else {}
        p = self.law[0][self.possible[0]].numpy()
        if chain is not None:
            error, taken = laws.categorical_error(p, [rows] * (generations + 1), [0.0] * generations), chain - 1
        elif method == "accumulate":
            error, taken = laws.categorical_accumulate(p, rows, 0.0, generations), np.arange(generations + 1)
        else:
            return {}
        curves = {"l2": error[taken], "tail_mass": np.full(generations + 1, float(self.law[0] @ self.rare[0]))}
        if rows <= MOST_ROWS:
            lost, entropy = lost_and_entropy(tuple(p.tolist()), rows, generations, pool=chain is None)
            curves |= {"support_lost": lost[taken], "entropy": entropy[taken]}
        return {metric: curve.tolist() for metric, curve in curves.items()}

    def learning_curve(self, sizes: Sequence[int]) -> list[float]:
        """Expected `l2`, exact.

        m rows of a context and smoothing s give (m (1 − ‖P*‖²) + s² (‖P*‖² − 1/k)) / (m + s)² for k tokens: the
        variance of proportions, and the way from P* to the uniform distribution, which stands where there is no row.
        """
        away = self.concentration - 1 / self.tokens

        def error(rows: int) -> float:
            seen = rows + self.smoothing
            spread = rows * (1 - self.concentration) + self.smoothing**2 * away
            return spread / seen**2 if seen else away

        def mean(whole: int, rest: int) -> float:
            return error(whole) + (error(whole + 1) - error(whole)) * rest / self.contexts

        return [mean(*divmod(n, self.contexts)) for n in sizes]
