"""What a board of `grow.yaml` shows: verified sums beside D_0 are worth more than D_0; exits 1 if not.

Worth is read on a scale of log losses, so the claims are about these.

    collapsebench run --protocol benchmarks/grow.yaml --method 'verify_filter(memory=anchored)' --boards mine
    python benchmarks/grow_claims.py mine/grow
"""

import math

from claims import Claims, Measured, board_folder, paired, verdict

folder, looks = board_folder("mine/grow"), "verify_filter(memory=anchored)"
claims: Claims = {}
for setting, verifier in (("grow", "a perfect verifier"), ("grow-noisy", "one that passes 30 % of the wrong ones")):
    losses = Measured(folder, f"arithmetic/{setting}").losses
    frozen, own = (
        [math.log2(loss) for loss in losses[label]] for label in ("frozen", "verify_filter(memory=anchored)")
    )
    gain, gains = paired(frozen, own)
    claims[f"with {verifier}, the loss is below frozen's by over four standard errors"] = gain > 4, [*gains, gain]
verdict(claims)
