import math

import pytest
import torch

from collapsebench import Decoding
from collapsebench.lm.sample import draw, truncated

LOGITS = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log()


@pytest.mark.parametrize(
    ("decoding", "expected"),
    [
        (Decoding(), [0.5, 0.25, 0.125, 0.125]),
        (Decoding(temperature=0.5), [16 / 22, 4 / 22, 1 / 22, 1 / 22]),
        (Decoding(top_k=2), [2 / 3, 1 / 3, 0, 0]),
        (Decoding(top_p=0.5), [1, 0, 0, 0]),
        (Decoding(top_p=0.6), [2 / 3, 1 / 3, 0, 0]),
        (Decoding(top_k=9, top_p=1.0), [0.5, 0.25, 0.125, 0.125]),
    ],
)
def test_truncation_by_hand(decoding: Decoding, expected: list[float]) -> None:
    assert truncated(LOGITS, decoding)[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_draws_follow_the_probabilities() -> None:
    n = 20_000
    outcomes = draw(torch.tensor([[0.0, 0.7, 0.0, 0.3]]).expand(n, 4), torch.Generator().manual_seed(0))
    share = (outcomes == 1).float().mean().item()
    assert set(outcomes.tolist()) == {1, 3}
    assert abs(share - 0.7) < 4 * math.sqrt(0.21 / n)
