"""What the committed `classic` board shows on `mnist`, seed by seed; exits 1 if a claim does not hold.

Under `replace` ten generations lose test likelihood, and class entropy or recall, with `accumulate_subsample` between;
a verifier is worth more than chance; and curation by a reward that likes zeros shows the trends of Ferbach et al.
(arXiv:2407.09499): without real data (λ = ∞) the reward rises and the other classes go, with them (λ = ½) the reward
rises less and they stay.
"""

import math

from claims import Claims, Measured, board_folder, paired, verdict

CURATED, ANCHORED = "reward_curate", "reward_curate(lam=0.5)"

measured = Measured(board_folder("leaderboards/classic"), "mnist/preserve")


def lost(metric: str, label: str) -> tuple[float, list[float]]:
    """By how many paired standard errors an entry ends below `frozen`, and the differences by seed."""
    return paired(measured.metric("frozen", metric), measured.metric(label, metric))


def risen(label: str) -> list[float]:
    """By how much the mean reward of what the model draws rose between the first draw and the last."""
    return paired(measured.logged(label, "reward_before"), measured.logged(label, "reward_before", t=1))[1]


nelbo, nelbos = measured.worse("replace", "frozen")
entropy, entropies = lost("class_entropy", "replace")
recall, recalls = lost("recall", "replace")
filtered, filters = measured.worse("random_filter", "verify_filter")
nearer, distances = paired(*(measured.metric(label, "frechet") for label in ("random_filter", "verify_filter")))
drift, drifts = lost("class_entropy", CURATED)
kept = measured.metric(ANCHORED, "class_entropy")
rises = {label: risen(label) for label in (CURATED, ANCHORED)}
claims: Claims = {
    "replace loses test ELBO by over four standard errors": (nelbo > 4, [*nelbos, nelbo]),
    "replace loses class entropy by over four standard errors": (entropy > 4, [*entropies, entropy]),
    "replace loses recall by over four standard errors": (recall > 4, [*recalls, recall]),
    "accumulate_subsample lies between replace and frozen": (
        measured.between("accumulate_subsample", "frozen", "replace"),
        measured.losses["accumulate_subsample"],
    ),
    "verify_filter beats random_filter in test ELBO in every seed": (min(filters) > 0, [*filters, filtered]),
    "verify_filter ends nearer to real images (Fréchet) by over four standard errors": (
        nearer > 4,
        [*distances, nearer],
    ),
    "without real data the reward rises": (min(rises[CURATED]) > 0, rises[CURATED]),
    "without real data classes go by over four standard errors": (drift > 4, [*drifts, drift]),
    "with real data the reward rises less, yet rises": (
        all(0 < some < more for some, more in zip(rises[ANCHORED], rises[CURATED], strict=True)),
        rises[ANCHORED],
    ),
    "with real data class entropy stays above .9 log 10": (min(kept) > 0.9 * math.log(10), kept),
}
verdict(claims)
