"""The audits of `check`: how often they flag an honest method, and how small a preference they find.

    OMP_NUM_THREADS=1 python benchmarks/audits.py [--repetitions 200] [--tasks gaussian,categorical,kde,regression]

False alarms: every shipped blind method on every task, each repetition with other histories. Power: a method that takes
n rows of the pool, those of D_0 with so many times the odds of others; and one that returns a share of rows of its own.
"""

import argparse
import math
from dataclasses import replace

import numpy as np
import torch

from collapsebench import Context, Corpus, Method, MethodCard
from collapsebench.core.context import desk_of
from collapsebench.core.method import METHODS
from collapsebench.core.task import TASKS
from collapsebench.testing.audits import DRAWS, LEVEL, own_rows, preferred
from collapsebench.testing.tiny import tiny_cell, tiny_task


class Knowing(Method):
    """Takes n rows of the pool, with so many times the odds for those of D_0."""

    odds: float = 1.0
    name = "knowing"
    card = MethodCard(title="Knowing")

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        first = desk_of(ctx)._stand.history[0].value  # type: ignore[attr-defined]
        pool, column = ctx.pool, first.names[0]
        known = set(map(str, first[column].tolist()))
        real = torch.tensor([str(value) in known for value in pool[column].tolist()])
        return pool.sample(ctx.n, ctx.rng, log_weights=real * math.log(self.odds))


class Composing(Method):
    """Replaces a share of what arrives by tokens that it draws itself."""

    share: float = 0.0
    name = "composing"
    card = MethodCard(title="Composing")

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        token = arrivals["token"]
        own = torch.randint(6, token.shape, generator=ctx.rng).to(token.dtype)
        mine = torch.rand(len(token), generator=ctx.rng) < self.share
        return arrivals.with_columns(token=torch.where(mine, own, token))


def cell(method: Method, task: str, n: int | None = None):
    """A tiny cell, in the first world that the method is made for."""
    kind = next(kind for kind in ("preserve", "purify", "grow") if kind in method.questions())
    made = tiny_cell(method, tiny_task(TASKS.get(task)), kind)
    if n is not None:
        rules = made.protocol.tasks[task].model_copy(update={"n": n})
        made = replace(made, protocol=made.protocol.model_copy(update={"tasks": {task: rules}}))
    return None if made.skip_reason() else made


def least(method: Method, made, secret: int) -> float:
    """The least chance of a preference in one audit, times their number; each repetition has seeds of its own."""
    found = list(preferred(method, made, secret, DRAWS * secret))
    return min(preference.chance for preference in found) * len(found)


def false_alarms(tasks: list[str], repetitions: int) -> None:
    """One line for each method and task: flagged audits, and the quantiles of the smallest chance of an audit."""
    audits = flagged = rows = 0
    for name in METHODS.names():
        method = METHODS.get(name).make({})
        for task in tasks:
            if (made := cell(method, task)) is None or name == "fresh_real":
                continue
            rows += sum(bool(list(own_rows(method, [made], secret))) for secret in range(repetitions // 10))
            if method.track != "blind":
                continue
            chances = []
            for secret in range(repetitions):
                chances.append(least(method, made, secret))
            audits, flagged = audits + repetitions, flagged + sum(chance < LEVEL for chance in chances)
            low = np.quantile(np.minimum(chances, 1), [0, 0.05, 0.5])
            print(f"{name:22} {task:14} flagged {sum(c < LEVEL for c in chances)}/{repetitions}", end="  ")
            print(f"chance: least {low[0]:.1g}, 5 % {low[1]:.2g}, median {low[2]:.2g}", flush=True)
    print(f"false alarms: {flagged} of {audits} audits of preference, {rows} audits of own rows; level {LEVEL:g}")


def power(repetitions: int) -> None:
    """Shares of audits that flag a preference, by its odds and by n; and rows of a method's own, by their share."""
    for n in (24, 100, 400):
        made = cell(Knowing(), "gaussian", n)
        for odds in (1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 10.0):
            found = [least(Knowing(odds=odds), made, secret) < LEVEL for secret in range(repetitions)]
            print(f"D_0 at {odds:4} times the odds, n = {n:3}: flagged {np.mean(found):.0%}", flush=True)
    for share in (0.0, 0.01, 0.03, 0.1, 1.0):
        method = Composing(share=share)
        found = [bool(list(own_rows(method, [cell(method, "categorical")], s))) for s in range(repetitions)]
        print(f"a share of {share:4} rows of its own: flagged {np.mean(found):.0%}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--tasks", default="gaussian,categorical,kde,regression")
    given = parser.parse_args()
    torch.set_num_threads(1)
    power(max(1, given.repetitions // 10))
    false_alarms(given.tasks.split(","), given.repetitions)
