"""What curation by reward does to `mixture2d`, in the loop; exits 1 if a claim does not hold.

With curated samples only, the mean reward rises and its variance falls at every generation until one or two
modes are left. With λ = 1/2 curated samples per real one it stays within the published bound on KL(model ‖ P*).
Under curation a perfect model's density ratio to P* is a function of the reward, so a partition by reward loses
no divergence in theory; the KL over such a partition is measured here. A lower bound is all that samples give:
where a network blurs P* itself, the whole divergence is larger, curated or not. The population map of the
same choice and mix is printed beside it. Each claim is on every seed.
"""

import math
import statistics
import sys
from itertools import pairwise

import torch

from collapsebench import Decoding
from collapsebench.core.seeds import generator
from collapsebench.laws import curated_divergence, curated_loop
from collapsebench.loop.cell import Cell
from collapsebench.loop.lineage import Lineage
from collapsebench.loop.plugins import make_method, make_task
from collapsebench.loop.protocol import single_task
from collapsebench.scoring.distribution import kl_divergence, shares

K, LAM, N, BINS, SAMPLES = 2, 0.5, 1000, 24, 10_000
ALONE, MIXED = 7, 10  # generations
BUDGET = {"steps": 500, "batch": 400}


class Partition:
    """Intervals of reward that are equally probable under P*, and how far a model is from P* on them."""

    def __init__(self, task) -> None:
        self.task = task
        self.rewards = task.reward(task.real(SAMPLES, generator(1))).double()
        self.edges = self.rewards.quantile(torch.arange(1, BINS, dtype=torch.float64) / BINS)
        self.law = self.shares(task.reward(task.real(20 * SAMPLES, generator(2))).double())

    def shares(self, rewards):
        return shares(torch.bucketize(rewards, self.edges), BINS)

    def divergence(self, learner) -> float:
        samples = learner.sample(SAMPLES, generator(3), Decoding())
        return kl_divergence(self.shares(self.task.reward(samples).double()), self.law)


def lineages(distribution: str, lam: float, generations: int, seeds: int):
    """By seed, by generation: mean reward, its variance, coverage of modes, KL over the partition."""
    rules = single_task("mixture2d", generations, n=N, budget=BUDGET, params={"distribution": distribution})
    task = make_task("mixture2d", rules.rules("mixture2d").params)
    partition = Partition(task)
    for seed in range(seeds):
        lineage = Lineage(Cell(rules, task, make_method("reward_curate", {"k": K, "lam": lam}), seed), store=None)
        names = ("reward", "reward_variance", "mode_coverage")
        yield [
            (*(record.metrics[name] for name in names), partition.divergence(lineage.model.value))
            for record in lineage.generations()
        ]


def population(distribution: str, lam: float, generations: int) -> list[tuple[float, float]]:
    """Mean reward and KL(model ‖ P*) of the exact map on many points of P*."""
    task = make_task("mixture2d", {"distribution": distribution})
    points, rewards = 1000, task.reward(task.real(1000, generator(1))).double()
    start = torch.full((points,), 1 / points, dtype=torch.float64)
    models = torch.tensor(curated_loop(start.numpy(), rewards.numpy(), K, lam, generations))
    return [((model @ rewards).item(), kl_divergence(model, start)) for model in models]


def column(values, digits: int = 2) -> str:
    return " ".join(f"{value:.{digits}f}" for value in values)


def report(title: str, cells, exact) -> None:
    print(title)
    for name, index in (("reward", 0), ("its variance", 1), ("modes covered", 2), ("KL", 3)):
        print(f"  {name:14}", column(statistics.mean(cell[t][index] for cell in cells) for t in range(len(exact))))
    print(f"  {'exact reward':14}", column(reward for reward, _ in exact))
    print(f"  {'exact KL':14}", column(kl for _, kl in exact))


def main(seeds: int) -> bool:
    bound, claims = curated_divergence(K, LAM), {}
    for distribution in ("gaussians", "moons"):
        alone = list(lineages(distribution, math.inf, ALONE, seeds))
        report(f"{distribution}, curated only", alone, population(distribution, math.inf, ALONE))
        steps = [(a, b) for cell in alone for a, b in pairwise(cell)]
        claims[f"{distribution}: the mean reward rises at every generation"] = all(b[0] > a[0] for a, b in steps)
        claims[f"{distribution}: the variance of the reward falls"] = all(b[1] < a[1] for a, b in steps)
        claims[f"{distribution}: at most two modes are left, and a seventh of the distance to the maximum"] = all(
            cell[-1][2] <= 2 / 8 and cell[-1][0] > cell[0][0] / 7 for cell in alone
        )
        claims[f"{distribution}: beyond the bound for λ = {LAM}"] = all(cell[-1][3] > bound for cell in alone)
        mixed = list(lineages(distribution, LAM, MIXED, seeds))
        report(f"{distribution}, λ = {LAM}", mixed, population(distribution, LAM, MIXED))
        most = max(row[3] for cell in mixed for row in cell)
        claims[f"{distribution}: KL over the partition at most {most:.3f}, the bound is {bound:.3f}"] = most <= bound
        claims[f"{distribution}: every mode stays"] = all(row[2] == 1 for cell in mixed for row in cell)
    for claim, holds in claims.items():
        print(f"{'holds' if holds else 'FAILS'}: {claim}")
    return all(claims.values())


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(not main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
