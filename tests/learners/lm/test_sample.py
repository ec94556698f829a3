import math

import pytest
import torch

from collapsebench import Decoding
from collapsebench.learners.lm.sample import draw

PROBABILITIES = [0.125, 0.5, 0.25, 0.125]


def distribution(decoding: Decoding, likely: int | None = None) -> list[float]:
    """Share of the uniform numbers (8i + 4) / 6400 that each outcome gets."""
    n = 800
    logits = torch.tensor(PROBABILITIES).log().expand(n, 4)
    uniform = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    guess = None if likely is None else torch.full((n,), likely)
    return (torch.bincount(draw(logits, decoding, uniform, guess), minlength=4) / n).tolist()


@pytest.mark.parametrize("likely", [None, 1, 2])
@pytest.mark.parametrize(
    ("decoding", "expected"),
    [
        (Decoding(), PROBABILITIES),
        (Decoding(temperature=0.5), [1 / 22, 16 / 22, 4 / 22, 1 / 22]),
        (Decoding(top_k=2), [0, 2 / 3, 1 / 3, 0]),
        (Decoding(top_p=0.5), [0, 1, 0, 0]),
        (Decoding(top_p=0.6), [0, 2 / 3, 1 / 3, 0]),
        (Decoding(top_k=9, top_p=1.0), PROBABILITIES),
    ],
)
def test_draws_by_hand(decoding: Decoding, expected: list[float], likely: int | None) -> None:
    """A guess at the likeliest outcome, right or wrong, changes nothing."""
    assert distribution(decoding, likely) == pytest.approx(expected, abs=2e-3)


def test_impossible_outcomes_are_never_drawn() -> None:
    logits = torch.tensor([[-math.inf, 0.0, -math.inf, 0.0, -math.inf]]).expand(1001, 5)
    uniform = torch.linspace(0, 1 - 1e-16, 1001, dtype=torch.float64)
    for decoding in (Decoding(), Decoding(top_k=4), Decoding(top_p=0.9)):
        assert set(draw(logits, decoding, uniform).tolist()) == {1, 3}
