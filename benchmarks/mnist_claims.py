"""What the committed `classic` board shows on `mnist`, seed by seed; exits 1 if a claim does not hold.

Under `replace` four generations lose test likelihood and recall, with `accumulate_subsample` between; a verifier draws
nearer to real images than chance does (in test likelihood the two are level); curation by a reward that likes zeros
raises it, and the other classes go (Ferbach et al., arXiv:2407.09499).
"""

from claims import Claims, Measured, board_folder, paired, verdict

measured = Measured(board_folder("leaderboards/classic"), "mnist/preserve")


def lost(metric: str, label: str) -> tuple[float, list[float]]:
    """By how many paired standard errors an entry ends below `frozen`, and the differences by seed."""
    return paired(measured.metric("frozen", metric), measured.metric(label, metric))


nelbo, nelbos = measured.worse("replace", "frozen")
recalls = lost("recall", "replace")[1]
nearer, distances = paired(*(measured.metric(label, "frechet") for label in ("random_filter", "verify_filter")))
drift, drifts = lost("class_entropy", "reward_curate")
rises = paired(*(measured.logged("reward_curate", "reward_before", t) for t in (-1, 1)))[1]
claims: Claims = {
    "replace loses test ELBO by over four standard errors": (nelbo > 4, [*nelbos, nelbo]),
    "replace loses recall": (min(recalls) > 0, recalls),
    "accumulate_subsample lies between replace and frozen": (
        measured.between("accumulate_subsample", "frozen", "replace"),
        measured.losses["accumulate_subsample"],
    ),
    "verify_filter ends nearer to real images (Fréchet) than random_filter by over four standard errors": (
        nearer > 4,
        [*distances, nearer],
    ),
    "the reward rises": (min(rises) > 0, rises),
    "classes go under it by over four standard errors": (drift > 4, [*drifts, drift]),
}
verdict(claims)
