"""What a share p_2 of synthetic labels costs on `mnist_labels`, in the loop; exits 1 if a claim does not hold.

Needs MNIST (COLLAPSEBENCH_DATA). The training set has 1,000 rows, whatever the share: `real_mix` with alpha =
1 − p_2, averaged over three generations. Synthetic labels come from a surrogate of fixed quality (random features
fitted on 100 images; 35 % of its labels are wrong), as in Dohmatob et al. (arXiv:2410.04840), or from the
previous model. Random features, hardly any ridge, fewer features than rows: below the interpolation threshold.
Figures are means over seeds ± standard errors; differences are paired by seed.
"""

import statistics
import sys
from itertools import pairwise

import torch
from cells import protocol

from collapsebench.lineage import Lineage
from collapsebench.plan import Cell, make_method, make_task
from collapsebench.runner import run_cell

N, GENERATIONS, RIDGE = 1000, 3, 1e-6
SHARES = (0.0, 0.01, 0.1, 0.5, 1.0)
WIDTHS = (250, 500, 800)
METRICS = ("error", "mse")


def sweep(width: int, surrogate: int, shares, seeds: int):
    """Metric -> share -> its value by seed, averaged over generations."""
    params = {"width": width, "ridge": RIDGE, "surrogate": surrogate}
    rules = protocol("mnist_labels", N, GENERATIONS, params=params)
    task = make_task("mnist_labels", rules.rules("mnist_labels").params)
    found = {metric: {share: [] for share in shares} for metric in METRICS}
    for share in shares:
        for seed in range(seeds):
            cell = Cell(rules, task, make_method("real_mix", {"alpha": 1 - share}), seed)
            records = list(run_cell(Lineage(cell, store=None)))[1:]
            for metric in METRICS:
                found[metric][share].append(statistics.mean(record.metrics[metric] for record in records))
    return found


def differences(more, less):
    return [a - b for a, b in zip(more, less, strict=True)]


def shown(values) -> str:
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values) / len(values) ** 0.5:.4f}"


def rises(values) -> bool:
    """Whether means rise from one setting to the next."""
    means = [statistics.mean(row) for row in values]
    return all(a < b for a, b in pairwise(means))


def clear(values) -> bool:
    """Whether each step from one setting to the next is over two paired standard errors."""
    steps = [differences(b, a) for a, b in pairwise(values)]
    return all(statistics.mean(step) > 2 * statistics.stdev(step) / len(step) ** 0.5 for step in steps)


def report(title: str, found) -> None:
    print(title)
    for metric in METRICS:
        clean = found[metric][0.0]
        print(f"  {metric}, p_2 = 0: {shown(clean)}")
        for share in list(found[metric])[1:]:
            extra = shown(differences(found[metric][share], clean))
            print(f"  {metric}, p_2 = {share}: {shown(found[metric][share])}, {extra} more", flush=True)


def main(seeds: int) -> bool:
    by_width = {}
    for width in WIDTHS:
        by_width[width] = sweep(width, 100, SHARES, seeds)
        report(f"surrogate labels, {width} features", by_width[width])
    previous = sweep(500, 0, SHARES, seeds)
    report("labels of the previous model, 500 features", previous)
    claims = {}
    for metric in METRICS:
        curves = {width: list(found[metric].values()) for width, found in by_width.items()}
        claims[f"{metric} rises with the share at every width"] = all(rises(curve) for curve in curves.values())
        # One percent of 1,000 rows is three or four wrong labels: only the squared error is fine enough for them.
        steps = {"mse": curves[800], "error": curves[800][1:]}[metric]
        claims[f"{metric}: each of {len(steps) - 1} steps of the share is clear at 800 features"] = clear(steps)
        for share in (0.1, 0.5):
            losses = [differences(found[metric][share], found[metric][0.0]) for found in by_width.values()]
            claims[f"{metric}: more features lose more at p_2 = {share}, clearly"] = rises(losses) and clear(losses)
        claims[f"{metric} rises with the share of the previous model's labels"] = rises(list(previous[metric].values()))
    for claim, holds in claims.items():
        print(f"{'holds' if holds else 'FAILS'}: {claim}")
    return all(claims.values())


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(not main(int(sys.argv[1]) if len(sys.argv) > 1 else 6))
