"""What the committed `quick` board shows on `arithmetic`, seed by seed; exits 1 if a claim does not hold.

Generation 0 answers at least 95 % of held-out sums; `replace` loses by more than four paired standard
errors; `accumulate_subsample` lies between `replace` and `frozen`; `verify_filter` beats `random_filter`.
"""

import statistics
import sys
from pathlib import Path

from collapsebench.board.load import load_board, scored_loss

TASK = "arithmetic"
board = load_board(Path(sys.argv[1] if len(sys.argv) > 1 else "leaderboards/quick"))
results = {entry.label: entry.results(TASK) for entry in board.entries}
losses = {label: [scored_loss(result) for result in cells] for label, cells in results.items()}
first = [result.generations[0].metrics["exact_match"] for result in results["replace"]]


def paired(worse: str, better: str) -> tuple[list[float], float]:
    """Differences of the scored loss by seed, and their mean in paired standard errors."""
    gaps = [a - b for a, b in zip(losses[worse], losses[better], strict=True)]
    return gaps, statistics.mean(gaps) / (statistics.stdev(gaps) / len(gaps) ** 0.5)


claims = {"generation 0 answers at least 95 %": (min(first) >= 0.95, first)}
gaps, ratio = paired("replace", "frozen")
claims["replace loses by over four standard errors"] = (ratio > 4, [*gaps, ratio])
between = [
    f < s < r for f, s, r in zip(*(losses[m] for m in ("frozen", "accumulate_subsample", "replace")), strict=True)
]
claims["accumulate_subsample lies between replace and frozen"] = (all(between), losses["accumulate_subsample"])
gaps, ratio = paired("random_filter", "verify_filter")
claims["verify_filter beats random_filter"] = (statistics.mean(gaps) > 0, [*gaps, ratio])
for label in ("frozen", "replace", "verify_filter"):
    last = results[label][0].generations[-1].metrics
    print(f"{label}, seed 0: {last['distinct_questions']:.0f} questions, large operands {last['large_operands']:.2f}")
for claim, (holds, figures) in claims.items():
    print(f"{'holds' if holds else 'FAILS'}: {claim}: {' '.join(f'{figure:.3f}' for figure in figures)}")
sys.exit(not all(holds for holds, _ in claims.values()))
