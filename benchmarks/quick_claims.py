"""What the committed `quick` board shows on `arithmetic`, seed by seed; exits 1 if a claim does not hold.

Generation 0 answers at least a quarter of held-out sums from 160 lines; `replace` loses by more than four paired
standard errors; `accumulate_subsample` lies between `replace` and `frozen`; `verify_filter` beats `random_filter`.
"""

import statistics

from claims import Claims, Measured, board_folder, verdict

measured = Measured(board_folder("leaderboards/quick"), "arithmetic/preserve")
first = measured.metric("replace", "exact_match", t=0)
collapse, collapses = measured.worse("replace", "frozen")
filtering, filters = measured.worse("random_filter", "verify_filter")
between = measured.between("accumulate_subsample", "frozen", "replace")
claims: Claims = {
    "generation 0 answers at least a quarter": (min(first) >= 0.25, first),
    "replace loses by over four standard errors": (collapse > 4, [*collapses, collapse]),
    "accumulate_subsample lies between replace and frozen": (between, measured.losses["accumulate_subsample"]),
    "verify_filter beats random_filter": (statistics.mean(filters) > 0, [*filters, filtering]),
}
for label in ("frozen", "replace", "verify_filter"):
    questions, large = (measured.metric(label, name)[0] for name in ("distinct_questions", "large_operands"))
    print(f"{label}, seed 0: {questions:.0f} questions, large operands {large:.2f}")
verdict(claims)
