"""What the committed `classic` board shows on the real TinyStories text; exits 1 if a claim does not hold.

Five generations of a tuned model, three seeds: `replace` ends worse than `frozen` by over four paired standard errors;
the order of losses is that of Gerstgrasser et al. (arXiv:2404.01413): accumulate < accumulate_subsample < replace;
sampling at T = .9 collapses faster than at T = 1; the model knows endings better than chance, which is a quarter.
"""

import statistics

from claims import Claims, Measured, board_folder, verdict

measured = Measured(board_folder("leaderboards/classic"), "babistories/preserve")
losses = measured.losses
collapse, collapses = measured.worse("replace", "frozen")
freezing, freezes = measured.worse("tempered", "replace")
order = [statistics.mean(losses[label]) for label in ("accumulate", "accumulate_subsample", "replace")]
endings = measured.metric("replace", "cloze", t=0)
claims: Claims = {
    "replace loses by over four standard errors": (collapse > 4, [*collapses, collapse]),
    "accumulate < accumulate_subsample < replace": (
        measured.between("accumulate_subsample", "accumulate", "replace"),
        order,
    ),
    "T = .9 collapses faster than T = 1": (freezing > 4, [*freezes, freezing]),
    "generation 0 finds over a third of the endings": (min(endings) > 1 / 3, endings),
}
for label in ("frozen", "accumulate", "accumulate_subsample", "replace", "tempered"):
    start, end = (statistics.mean(measured.metric(label, "distinct_3", t)) for t in (0, -1))
    curve = [statistics.mean(measured.metric(label, "bits_per_byte", t)) for t in (0, 1, 3, 5)]
    print(
        f"{label}: bits/byte {' '.join(f'{b:.3f}' for b in curve)} at t = 0 1 3 5, distinct-3 {start:.3f} -> {end:.3f}"
    )
verdict(claims)
