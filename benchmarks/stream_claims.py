"""What a board of `stream.yaml` shows: on a polluted stream it pays to know the real rows, and to look; exits 1 if not.

collapsebench run --protocol benchmarks/stream.yaml --method verify_filter,marked_real --boards mine
python benchmarks/stream_claims.py mine/stream
"""

from claims import Claims, Measured, board_folder, verdict

measured = Measured(board_folder("mine/stream"), "storyworld/purify-outside")
claims: Claims = {}
for better, worse in (
    ("oracle", "frozen"),
    ("oracle", "take_all"),
    ("verify_filter", "take_all"),
    ("marked_real", "take_all"),
):
    gain, gains = measured.worse(worse, better)
    claims[f"{better} loses less than {worse} by over four standard errors"] = gain > 4, [*gains, gain]
verdict(claims)
