"""What the committed `standard` board shows on `storyworld`, seed by seed; exits 1 if a claim does not hold.

Generation 0 comes within .4 nats/token of the entropy floor and is certain of a tenth of the sites at least;
`replace` ends clearly worse than `frozen`, with `accumulate_subsample` between; rare names disappear under
`replace`; sampled at T = .9 its stories get less diverse, at T = 1 more than real ones.
"""

from claims import Claims, Measured, board_folder, verdict

measured = Measured(board_folder("leaderboards/standard"), "storyworld/preserve")
first, certain = (measured.metric("replace", name, t=0) for name in ("excess_nll", "certain_sites"))
collapse, collapses = measured.worse("replace", "frozen")
names = [measured.metric("replace", "tail_names", t) for t in (0, -1)]
cool, warm = (measured.metric(label, "diversity_ratio") for label in ("tempered", "replace"))
claims: Claims = {
    "generation 0 is within .4 nats/token of the floor": (max(first) < 0.4, first),
    "generation 0 is certain of at least a tenth of the sites": (min(certain) >= 0.1, certain),
    "replace loses by over four standard errors": (collapse > 4, [*collapses, collapse]),
    "accumulate_subsample lies between replace and frozen": (
        measured.between("accumulate_subsample", "frozen", "replace"),
        measured.losses["accumulate_subsample"],
    ),
    "replace forgets rare names": (
        all(last < start for start, last in zip(*names, strict=True)),
        [*names[0], *names[1]],
    ),
    "diversity is below real at T = .9": (max(cool) < 1, cool),
    "diversity is above real at T = 1": (min(warm) > 1, warm),
}
verdict(claims)
