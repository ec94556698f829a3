import math
from collections import Counter

import pytest
import torch

from collapsebench.learners.grammar.choice import Choice
from collapsebench.learners.grammar.program import Grammar, uniforms

PET = Choice({"dog": 3, "cat": 1}, neutral=False)
SPOT = Choice({"in bed": 1, "in here": 1})
COUNT = Choice({"one": 1, "two": 1, "three": 1, "many": 1})


def pets():
    """A dog sleeps in one of two places and is named again; a cat is counted."""
    yield "a"
    pet = yield PET
    if pet == "dog":
        spot = yield SPOT
        yield f"yes {spot}"
    else:
        yield COUNT


PETS = Grammar(pets)


def log_prob(text: str) -> float:
    return PETS.log_prob(text.split())


def test_probability_is_the_product_of_the_choices_by_hand() -> None:
    assert log_prob("a dog in bed yes in bed </s>") == pytest.approx(math.log(3 / 4 * 1 / 2))
    assert log_prob("a cat two </s>") == pytest.approx(math.log(1 / 4 * 1 / 4))
    texts = [f"a dog {s} yes {s}" for s in ("in bed", "in here")] + [f"a cat {c}" for c in COUNT.probabilities]
    assert sum(math.exp(log_prob(f"{text} </s>")) for text in texts) == pytest.approx(1)


def test_expectations_by_hand() -> None:
    """H(pet) + 3/4 log 2 + 1/4 log 4; 8 words of a dog, 4 of a cat, the end included."""
    entropy = -(3 / 4 * math.log(3 / 4) + 1 / 4 * math.log(1 / 4)) + 3 / 4 * math.log(2) + 1 / 4 * math.log(4)
    assert PETS.entropy == pytest.approx(entropy)
    assert PETS.expectations.words == pytest.approx(3 / 4 * 8 + 1 / 4 * 4)
    assert PETS.entropy / PETS.expectations.words == pytest.approx(entropy / 7)
    assert PETS.expectations.vocabulary == (
        "a",
        "bed",
        "cat",
        "dog",
        "here",
        "in",
        "many",
        "one",
        "three",
        "two",
        "yes",
    )


def test_what_the_program_does_not_write_it_does_not_read() -> None:
    assert log_prob("a dog in bed yes in here </s>") == -math.inf
    assert log_prob("a dog in bed yes in bed") == -math.inf
    assert log_prob("a dog in bed yes in bed </s> </s>") == -math.inf
    assert log_prob("") == -math.inf
    nodes, complete = PETS.derive(["a", "dog", "in", "bed", "no"])
    assert len(nodes) == 5 and not complete
    assert nodes[-1].words == ("yes",)


def test_texts_come_as_often_as_they_are_probable() -> None:
    n, numbers = 4000, uniforms(torch.Generator().manual_seed(0))
    counts = Counter(" ".join(PETS.draw(numbers)) for _ in range(n))
    assert len(counts) == 6
    for text, count in counts.items():
        p = math.exp(log_prob(text))
        assert abs(count / n - p) < 4 * math.sqrt(p * (1 - p) / n)
