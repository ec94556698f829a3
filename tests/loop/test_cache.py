import logging

import pytest
import torch

from collapsebench.core.corpus import Corpus
from collapsebench.core.costs import Costs
from collapsebench.loop.cache import Cache, Result


class Squares:
    """A stage that squares a number and counts how often it really does."""

    def __init__(self, store):
        self.cache, self.computed = Cache(store, lambda kind, tensors: Corpus.from_tensors(tensors), 600.0), 0

    def __call__(self, x, kind="square"):
        def compute(checkpoint):
            self.computed += 1
            corpus = Corpus({"x": torch.tensor([x * x])})
            return Result(corpus, Costs(real_examples=x), log={"x": x}, facts={"digits": 1.0})

        return self.cache.call(kind, compute, [x])


@pytest.fixture
def squares(store):
    return Squares(store)


@pytest.fixture
def again(store):
    """The same stage as another process would see it."""
    return Squares(store)


def payloads(store, kind="square"):
    return sorted((store.root / "stages" / kind).glob("*.safetensors"))


def test_a_stage_is_computed_once_and_then_found(squares, again):
    first, second = squares(3), again(3)

    assert (first.value["x"].item(), second.value["x"].item()) == (9, 9)
    assert (squares.computed, again.computed) == (1, 0)
    assert second.digest == first.digest != ""
    assert second.costs == first.costs == Costs(real_examples=3)
    assert (second.log, second.facts, second.seconds) == ({"x": 3}, {"digits": 1}, first.seconds)


def test_other_inputs_and_other_kinds_are_other_stages(squares):
    squares(3)
    squares(4)
    squares(3, kind="other")
    assert squares.computed == 3


def test_of_another_result_its_digest_counts(squares, store):
    def doubled(x):
        return squares.cache.call("double", lambda checkpoint: Result(None, facts={"double": 2.0 * x}), [squares(x)])

    assert doubled(3).facts == {"double": 6}
    assert doubled(-3).facts == {"double": 6}  # the same square, so the same stage
    assert doubled(4).facts == {"double": 8}


def test_a_found_stage_is_read_only_when_its_value_is_wanted(squares, again, store):
    squares(3)
    payloads(store)[0].unlink()
    assert again(3).facts == {"digits": 1}
    assert again.computed == 0


@pytest.mark.parametrize("damage", [lambda b: b[:-3], lambda b: b[:-1] + b"\x01", lambda b: b""])
def test_a_damaged_value_is_computed_again_and_said_in_one_line(squares, again, store, caplog, damage):
    squares(3)
    path = payloads(store)[0]
    path.write_bytes(damage(path.read_bytes()))

    with caplog.at_level(logging.WARNING):
        assert again(3).value["x"].item() == 9

    assert again.computed == 1
    assert [record.getMessage() for record in caplog.records] == [f"{path} is damaged; computing it again."]
    assert Squares(store)(3).value["x"].item() == 9  # the value stands again


def test_a_damaged_note_is_computed_again_and_said_in_one_line(squares, again, store, caplog):
    squares(3)
    (path,) = (store.root / "stages" / "square").glob("*.json")
    path.write_bytes(path.read_bytes()[:20])

    with caplog.at_level(logging.WARNING):
        assert again(3).value["x"].item() == 9

    assert again.computed == 1
    assert len(caplog.records) == 1


def test_a_dropped_value_is_computed_again_when_wanted(squares, again, store, caplog):
    squares(3).drop()
    assert payloads(store) == []

    artefact = again(3)
    assert again.computed == 0
    assert artefact.value["x"].item() == 9
    assert again.computed == 1
    assert caplog.records == []


def test_a_stage_that_raises_leaves_nothing(store):
    squares = Squares(store)

    def compute(checkpoint):
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        squares.cache.call("square", compute, [3])
    assert squares(3).value["x"].item() == 9
