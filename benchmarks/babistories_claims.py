"""What the committed `classic` board shows on the real TinyStories text; exits 1 if a claim does not hold.

Ten generations, three seeds: `replace` ends worse than `frozen` by over four paired standard errors; the order of
losses is that of Gerstgrasser et al. (arXiv:2404.01413): accumulate < accumulate_subsample < replace; sampling at
T = .3 collapses faster than at T = 1.
"""

import statistics

from claims import Claims, Measured, board_folder, verdict

COLD = "tempered(temperature=0.3)"

measured = Measured(board_folder("leaderboards/classic"), "babistories/preserve")
losses = measured.losses
collapse, collapses = measured.worse("replace", "frozen")
freezing, freezes = measured.worse(COLD, "replace")
order = [statistics.mean(losses[label]) for label in ("accumulate", "accumulate_subsample", "replace", COLD)]
claims: Claims = {
    "replace loses by over four standard errors": (collapse > 4, [*collapses, collapse]),
    "accumulate < accumulate_subsample < replace": (
        measured.between("accumulate_subsample", "accumulate", "replace"),
        order[:3],
    ),
    "T = .3 collapses faster than T = 1": (freezing > 4, [*freezes, freezing]),
}
for label in ("frozen", "accumulate", "accumulate_subsample", "replace", COLD):
    start, end = (statistics.mean(measured.metric(label, "distinct_3", t)) for t in (0, -1))
    curve = [statistics.mean(measured.metric(label, "bits_per_byte", t)) for t in (0, 1, 5, 10)]
    print(
        f"{label}: bits/byte {' '.join(f'{b:.3f}' for b in curve)} at t = 0 1 5 10, distinct-3 {start:.3f} -> {end:.3f}"
    )
verdict(claims)
