import math

import numpy as np
import pytest

from collapsebench.scoring.entropy_rate import longest_earlier_matches, running_match_lengths


def matches(text: str) -> list[int]:
    return longest_earlier_matches(np.array([ord(letter) for letter in text], dtype=np.int64)).tolist()


def test_matches_by_hand():
    """In banana, "ana" from its second "a" on was there before, overlapping itself; so were "na" and "a"."""
    assert matches("banana") == [0, 0, 0, 3, 2, 1]
    assert matches("aaaa") == [0, 3, 2, 1]
    assert matches("abab") == [0, 0, 2, 1]
    assert matches("x") == [0]
    assert matches("") == []


@pytest.mark.parametrize("letters", [1, 2, 5])
@pytest.mark.parametrize("seed", range(5))
def test_matches_are_those_of_a_plain_search(letters, seed):
    text = "".join(np.random.default_rng(seed).choice(list("abcde"[:letters]), 60))
    plain = [
        max(
            length
            for length in range(len(text) - i + 1)
            if length == 0 or text[i : i + length] in text[: i + length - 1]
        )
        for i in range(len(text))
    ]
    assert matches(text) == plain


def test_running_lengths_by_hand():
    """abab: runs of 1, 1, 3 and 2 letters are new, over log2 of 2, 3, 4 and 5."""
    sums = running_match_lengths(np.array([0, 1, 0, 1]))
    assert sums.tolist() == pytest.approx(
        [1, 1 + 1 / math.log2(3), 2.5 + 1 / math.log2(3), 2.5 + 1 / math.log2(3) + 2 / math.log2(5)]
    )


@pytest.mark.parametrize(("chance", "least", "most"), [(0.5, 0.85, 1.0), (0.11, 0.4, 0.55), (0.0, 0.0, 0.01)])
def test_the_rate_of_coins_is_about_their_entropy(chance, least, most):
    """Bits per toss: 1 of a fair coin, .5 of one that shows a head with probability .11."""
    tosses = (np.random.default_rng(0).random(20_000) < chance).astype(np.int64)
    assert least < len(tosses) / running_match_lengths(tosses)[-1] < most
