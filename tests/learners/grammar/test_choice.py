import math

import pytest

from collapsebench import Decoding
from collapsebench.learners.grammar.choice import Choice, zipf


def test_a_choice_word_by_word_by_hand() -> None:
    """ "in the box" 3/6, "in the bag" 2/6, "here" 1/6: first "in" with 5/6, then "the" with 1, then "box" with 3/5."""
    root = Choice({"in the box": 3, "in the bag": 2, "here": 1}).root
    assert root.words == ("in", "here")
    assert root.branches["in"].log_prob == pytest.approx(math.log(5 / 6))
    then = root.branches["in"].node
    assert then.branches.keys() == {"the"}
    assert then.branches["the"].log_prob == 0
    assert then.branches["the"].node.branches["box"].log_prob == pytest.approx(math.log(3 / 5))
    assert root.branches["here"].node is None


def test_entropy_and_length_by_hand() -> None:
    """p = (1/2, 1/4, 1/4): 1.5 bits; lengths 1, 2, 3: 1/2 + 2/4 + 3/4 words."""
    choice = Choice({"a": 2, "b c": 1, "d e f": 1})
    assert choice.entropy == pytest.approx(1.5 * math.log(2))
    assert choice.mean_words == 1.75


def test_zipf_by_hand() -> None:
    """1, 1/4, 1/9 over their sum, 49/36."""
    assert list(zipf("a b, c, d", 2.0).probabilities.values()) == pytest.approx([36 / 49, 9 / 49, 4 / 49])


def test_draws_invert_the_distribution_function() -> None:
    root = Choice({"a": 5, "b": 3, "c": 2}).root
    assert [root.draw(u) for u in (0.0, 0.49, 0.51, 0.79, 0.81, 1 - 2**-53)] == ["a", "a", "b", "b", "c", "c"]
    assert root.draw(1 - 2**-53, Decoding(top_k=2)) == "b"
    assert root.draw(1 - 2**-53, Decoding(top_p=0.79)) == "b"
    assert root.draw(1 - 2**-53, Decoding(top_p=0.81)) == "c"
    assert root.draw(0.62, Decoding(top_k=2)) == "a"  # 5/8 of what is left
    assert root.draw(0.64, Decoding(temperature=0.5)) == "a"  # 25 of 25 + 9 + 4
    assert root.draw(0.67, Decoding(temperature=0.5)) == "b"


def test_phrases_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="beginning of another"):
        Choice({"in the box": 1, "in the": 1})
    with pytest.raises(ValueError, match="beginning of another"):
        Choice({"in": 1, "in the": 1})
    with pytest.raises(ValueError, match="positive"):
        Choice({"in": 1, "out": 0})
