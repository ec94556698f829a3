"""One fault per law, of 5 % or of kind, in a task, a method or a world: each must make a claim of its law fail.

    python benchmarks/mutations.py [LAW]...

prints law, fault and whether it is caught: the claim holds without the fault and fails with it, on the same seeds.
Exits 1 if one is not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch

from collapsebench.core.context import Context
from collapsebench.core.corpus import Corpus
from collapsebench.core.learner import Decoding, Learner
from collapsebench.core.method import METHODS, Method
from collapsebench.core.task import TASKS
from collapsebench.learners import LinearLearner
from collapsebench.validate import Claim, Setting, Verdict, chosen, judge
from collapsebench.validate.claims.curation import Choice
from collapsebench.validate.claims.gaussian import NegativeExtrapolation
from collapsebench.validate.measure import measure

Change: TypeAlias = Callable[[Setting], Setting]
"""The same cells with the fault in them."""


# -- faults of methods -------------------------------------------------------------------------------


class WarmExtrapolation(NegativeExtrapolation):
    """Samples at a temperature of 1.05."""

    def decoding(self, t: int) -> Decoding:
        """What is extrapolated from is wider than the model."""
        return Decoding(1.05)


class WarmTeacher(METHODS.get("first_teacher")):
    """Samples M_0 at a temperature of 1.05."""

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        """As many as arrive."""
        return ctx.initial_model.generate(len(arrivals), Decoding(1.05))


class HeavyRatio(METHODS.get("golden_ratio")):
    """Gives real rows 1.05 times their weight."""

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        """A real row has the larger weight at every ratio."""
        rows = super().curate(arrivals, ctx)
        weights = rows.weights
        real = weights == weights.max()
        share = float(weights[real].sum() / weights.sum())
        return rows.with_weights(torch.where(real, 1.05 * weights, weights * (1 - 1.05 * share) / (1 - share)))


class UnweightedRatio(METHODS.get("golden_ratio")):
    """Leaves the weights out."""

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        """The same rows."""
        return super().curate(arrivals, ctx).with_weights(None)


class CarelessChoice(Choice):
    """Makes 5 % of its choices at random."""

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        """The first rows are what arrived."""
        random, chosen = round(0.05 * ctx.n), super().curate(arrivals, ctx)
        rows = torch.arange(len(chosen))
        return Corpus.concat([arrivals.select(rows[:random]), chosen.select(rows[random:])])


# -- faults of tasks ---------------------------------------------------------------------------------


class NoisyLabels(TASKS.get("regression")):
    """Models write labels with 1.05 times the noise."""

    def learner(self, rng: torch.Generator) -> Learner:
        """The noise of real labels is as it was."""
        return LinearLearner(self.d, 1.05**2 * self.sigma2)


class _Shifted(TASKS.get("shifted_regression")):
    factor = 1.0

    def learner(self, rng: torch.Generator) -> Learner:
        """A shift times a factor."""
        learner, truth = super().learner(rng), self.population.weights
        labeller = truth + self.factor * (torch.from_numpy(learner._labeller.numpy()) - truth)
        return LinearLearner(self.d, self.sigma2, self.ridge, learner.projection, labeller)


class LargerShift(_Shifted):
    """Labels are shifted 1.05 times as far."""

    factor = 1.05


class NoShift(_Shifted):
    """Labels are not shifted."""

    factor = 0.0


# -- changes -----------------------------------------------------------------------------------------


def method(name: str | type[Method], **params: Any) -> Change:
    """Another method, or the same one with other parameters."""
    return lambda setting: replace(setting, method=name, method_params=params or setting.method_params)


def warmer(setting: Setting) -> Setting:
    """Synthetic sets are sampled at a temperature of 1.05."""
    base = METHODS.get(setting.method) if isinstance(setting.method, str) else setting.method

    class Warmer(base):
        def decoding(self, t: int) -> Decoding:
            return Decoding(1.05)

    return replace(setting, method=Warmer)


def fewer(setting: Setting) -> Setting:
    """A generation is trained on 95 % of the rows."""
    base = METHODS.get(setting.method) if isinstance(setting.method, str) else setting.method

    class Fewer(base):
        def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
            rows = super().curate(arrivals, ctx)
            return rows.sample(round(0.95 * len(rows)), ctx.rng)

    return replace(setting, method=Fewer)


def scaled(where: str, factor: float = 1.05) -> Change:
    """One number of a setting times a factor: `task.c2`, `method.share`, `world.alpha`."""
    part, _, name = where.partition(".")
    field = {"task": "task_params", "method": "method_params", "world": "world"}[part]

    def change(setting: Setting) -> Setting:
        values = getattr(setting, field)
        return replace(setting, **{field: {**values, name: values[name] * factor}})

    return change


def with_task(cls: type) -> Change:
    """Another task of the same name."""
    return lambda setting: replace(setting, task=cls)


def of_task(**params: Any) -> Change:
    """The same task with other parameters."""
    return lambda setting: replace(setting, task_params={**setting.task_params, **params})


@dataclass(frozen=True)
class Mutation:
    """One fault.

    Args:
        law: whose claims must notice.
        fault: in words.
        change: puts it into a setting.
        seeds: cells per setting; the claim's own if 0.
        claims: which of the law's claims are asked, counted from 0; all if empty.
        heavy: takes too long for the tests.
    """

    law: str
    fault: str
    change: Change
    seeds: int = 0
    claims: tuple[int, ...] = ()
    heavy: bool = False

    def asked(self) -> list[Claim]:
        """The claims that should notice."""
        found = [claim for claim in chosen([self.law]) if claim.law == self.law]
        return [found[i] for i in self.claims] if self.claims else found


_ANEW = {"prior": "self", "schedule": "random", "share": 0.3}
_NOISE = {"sigma2": 1.05**2}
_WARM, _FEW = "sampled at T = 1.05", "trained on 95 % of the rows"
_REAL, _SHIFT = "real share × .95", "variance of the shift × 1.05"

MUTATIONS = (
    Mutation("gaussian_replace", _WARM, warmer, 60, (0,)),
    Mutation("gaussian_accumulate", _WARM, warmer, 60, (0,)),
    Mutation("gaussian_accumulate_subsample", _WARM, warmer, 60, (0,)),
    Mutation("gaussian_mean_error", _WARM, warmer, 60, (0,)),
    Mutation("gaussian_accumulate_limit", _WARM, warmer, 0, (0,), heavy=True),
    Mutation("gaussian_first_teacher", "teacher sampled at T = 1.05", method(WarmTeacher), 80, (0,)),
    Mutation("gaussian_extrapolated_spread", _WARM, method(WarmExtrapolation), 4),
    Mutation("gaussian_extrapolated_error", "w × 1.05", scaled("method.w"), 120, (1,), heavy=True),
    Mutation("regular_replace", _FEW, fewer, 0, (1,), heavy=True),
    Mutation("regular_replace", _WARM, warmer, 40, (0,)),
    Mutation("regular_accumulate", _WARM, warmer, 40, (0,)),
    Mutation("regular_accumulate_subsample", _WARM, warmer, 15, (0,)),
    Mutation("kde_replace", "bandwidth × 1.05", scaled("task.bandwidth"), 5),
    Mutation("kde_accumulate", "bandwidth × 1.05", scaled("task.bandwidth"), 5),
    Mutation("regression_error", "label noise × 1.05", of_task(**_NOISE), 150),
    Mutation("regression_replace", "label noise × 1.05", with_task(NoisyLabels), 60, (1,)),
    Mutation("regression_accumulate", "label noise × 1.05", with_task(NoisyLabels), 90, (1,)),
    Mutation("regression_accumulate_fresh", "label noise × 1.05", with_task(NoisyLabels), 70, (1,)),
    Mutation("edit_once", "label noise × 1.05", with_task(NoisyLabels), 200, (5,), heavy=True),
    Mutation("edit_once_exact", "edited share × .95", scaled("method.share", 0.95), 1500, (3,)),
    Mutation("edit_disjoint_self", "label noise × 1.05", with_task(NoisyLabels), 400, (1,), heavy=True),
    Mutation("edit_disjoint_fixed", "label noise × 1.05", with_task(NoisyLabels), 400, (1,), heavy=True),
    Mutation("edit_disjoint_self_limit", "rows drawn anew each time", method("token_edit", **_ANEW), 4),
    Mutation("edit_random_self", "edited share × .95", scaled("method.share", 0.95), 0, (2,), heavy=True),
    Mutation("edit_random_fixed", "label noise × 1.05", with_task(NoisyLabels), 0, (2,), heavy=True),
    Mutation("edit_given_design", "label noise × 1.05", with_task(NoisyLabels), 0, (0,), heavy=True),
    Mutation("shifted_ridge_error", _SHIFT, scaled("task.c2"), 0, (3,), heavy=True),
    Mutation("shifted_isotropic_error", _SHIFT, scaled("task.c2"), 0, (2,), heavy=True),
    Mutation("shifted_given_design", "shift × 1.05", with_task(LargerShift), 0, (1,), heavy=True),
    Mutation("double_descent", "labels not shifted", with_task(NoShift), 30),
    Mutation("width_floor", "labels not shifted", with_task(NoShift), 15),
    Mutation("golden_weight", "weight on real rows × 1.05", method(HeavyRatio), 30, (3,)),
    Mutation("weighted_variance", "weights left out", method(UnweightedRatio), 12, (2,)),
    Mutation("weighted_variance_limit", _REAL, scaled("world.alpha", 0.95), 1500, heavy=True),
    Mutation("weighted_variance_reused_limit", "weights left out", method(UnweightedRatio), 40),
    Mutation("effective_sample_size", _REAL, scaled("world.alpha", 0.95), 0, heavy=True),
    Mutation("categorical_error", _FEW, fewer, 0, (0,), heavy=True),
    Mutation("categorical_diversity", _FEW, fewer, 0, heavy=True),
    Mutation("categorical_error_limit", _REAL, scaled("world.alpha", 0.95), 0, (1,), heavy=True),
    Mutation("categorical_accumulate", _REAL, scaled("world.alpha", 0.95), 25, (0,)),
    Mutation("categorical_size_to_improve", "size × .95", scaled("method.size", 0.95), 0, (0,), heavy=True),
    Mutation("forgotten", _FEW, fewer, 0, heavy=True),
    Mutation("tempered", "temperature × 1.05", scaled("method.temperature"), 10, (0, 2)),
    Mutation("memorising_error", "exponent × 1.05", scaled("task.exponent"), 20),
    Mutation("tail_scaling", "exponent × 1.05", scaled("task.exponent"), 20, (0,)),
    Mutation("effective_cut", "exponent × .95", scaled("task.exponent", 0.95), 0, heavy=True),
    Mutation("tail_generations", "replace returns D_0", method("frozen"), 20),
    Mutation("kept_precision", "P(keep | wrong) × 1.05", scaled("world.psi"), 200, (0,)),
    Mutation("keep_rate", "P(keep | right) × .95", scaled("world.phi", 0.95), 40, (0,)),
    Mutation("breakdown_point", "P(keep | wrong) × 1.05", scaled("world.psi"), 15, (1,)),
    Mutation("verified_mean", "verifier's shift × 1.05", scaled("task.verifier_shift"), 20, (0,)),
    Mutation("curated", "reward × 1.05", scaled("task.rare_reward"), 0, heavy=True),
    Mutation("curated_loop", "reward × 1.05", scaled("task.rare_reward"), 0, (0,), heavy=True),
    Mutation("curated_gain", "5 % of choices at random", method(CarelessChoice), 0, (1,), heavy=True),
    Mutation("curated_divergence", "real share halved", method(Choice, k=2, lam=2.0), 20, (1,)),
)
"""At least one per law."""


def tried(mutation: Mutation) -> Iterator[tuple[Verdict, Verdict]]:
    """Each asked claim without the fault and with it."""
    for claim in mutation.asked():
        faulty = replace(claim, settings=tuple(map(mutation.change, claim.settings)))
        seeds = mutation.seeds or claim.seeds
        samples = measure([(claim, seeds), (faulty, seeds)], 0)
        yield judge(claim, samples[0]), judge(claim, samples[1])


def caught(mutation: Mutation) -> bool:
    """Whether a claim is not refused without the fault and is with it."""
    return any(not refused(right) and refused(wrong) for right, wrong in tried(mutation))


def refused(verdict: Verdict) -> bool:
    """Whether a claim fails, and where its gate is a tolerance, by over three standard errors: seeds may be few."""
    if verdict.claim.gate not in ("asymptotic", "slope"):
        return not verdict.passed
    noise = 3 * verdict.standard_error / abs(verdict.theory)
    return not abs(verdict.deviation) <= verdict.claim.largest_error + noise


def main(names: Sequence[str]) -> int:
    """Print the table; how many faults were not caught."""
    missed = 0
    torch.set_num_threads(1)
    for mutation in MUTATIONS:
        if names and mutation.law not in names:
            continue
        found = caught(mutation)
        missed += not found
        print(f"{mutation.law:32} {mutation.fault:34} {'caught' if found else 'MISSED'}", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
