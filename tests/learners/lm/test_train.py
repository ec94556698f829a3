import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from launching import launched_together

from collapsebench import Corpus, FitConfig, PluginError
from collapsebench.learners.gradient import Optimizer
from collapsebench.learners.lm import train
from collapsebench.learners.lm.causal_lm import CausalLM, LMShape
from collapsebench.learners.lm.model import build_model
from collapsebench.learners.lm.tokenizer import BOS, EOS, PAD, Marks, symbol_tokenizer

MARKS = Marks(BOS, EOS, PAD)
TEXTS = Corpus({"tokens": torch.tensor([[3, 4, 5, EOS], [4, EOS, PAD, PAD], [5, 5, EOS, PAD]])})


def test_rates_by_hand() -> None:
    """Ten steps, two of them rising: step 6 is half-way down, step 8 has a quarter left (cosine: .146)."""
    linear = Optimizer(lr=2.0, warmup=0.2, schedule="linear")
    cosine = dataclasses.replace(linear, schedule="cosine")
    assert [linear.rate(step, 10) for step in (0, 1, 2, 6, 8)] == pytest.approx([1, 2, 2, 1, 0.5])
    assert [cosine.rate(step, 10) for step in (0, 1, 2, 6, 8)] == pytest.approx([1, 2, 2, 1, 0.292893])
    with pytest.raises(PluginError, match="triangle"):
        Optimizer(schedule="triangle")  # type: ignore[arg-type]


@pytest.mark.parametrize("micro_batch", [0, 1, 2])
def test_the_first_loss_by_hand(micro_batch: int) -> None:
    """A model that knows nothing gives each of the 9 tokens log 6, in however many parts a step comes.

    Where the first of each text counts alone, that is 3 of 9, and not the mean of 1/4, 1/2 and 1/3.
    """
    first = torch.tensor([1.0, 0.0, 0.0, 0.0])
    for weights, expected in ((None, math.log(6)), (lambda log_probs: first.expand(3, 4), math.log(6) / 3)):
        model = LMShape(vocabulary=6, context=4, width=8, heads=2).build(torch.Generator().manual_seed(0))
        for parameter in model.parameters():
            parameter.data.zero_()
        texts = train._Texts(model, TEXTS, MARKS, weights, micro_batch)
        assert float(texts.backward(torch.tensor([0, 1, 2]))) == pytest.approx(expected, rel=1e-6)


def test_a_step_that_processes_cannot_share_evenly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = LMShape(vocabulary=6, context=4, width=8, heads=2).build(torch.Generator().manual_seed(0))
    texts = train._Texts(model, TEXTS, MARKS, None, 0)
    monkeypatch.setattr(train, "accelerator", lambda: SimpleNamespace(num_processes=2, process_index=0))
    with pytest.raises(PluginError, match="2 processes cannot share 3 texts per step evenly") as error:
        texts.backward(torch.tensor([0, 1, 2]))
    assert "`batch`" in error.value.hint


class Interrupted(Exception):
    """The process ends in the middle of a fit."""


class InMemory:
    """A checkpoint after every step."""

    seconds = 0.0

    def __init__(self) -> None:
        self.content: bytes | None = None

    def read(self) -> bytes | None:
        return self.content

    def write(self, content: bytes) -> None:
        self.content = content


def test_a_fit_that_was_interrupted_ends_at_the_same_weights() -> None:
    """With dropout, so that also the random state must go on where it stood."""

    def learner() -> CausalLM:
        config = {"model_type": "gpt2", "vocab_size": 6, "n_positions": 5, "n_embd": 8, "n_layer": 1, "n_head": 2}
        model = build_model({**config, "resid_pdrop": 0.3}, torch.Generator().manual_seed(0))
        return CausalLM(model, symbol_tokenizer("abc"), 4, Optimizer(lr=0.05))

    def fit(one: CausalLM, steps_made: list[int], last: int, checkpoint: InMemory | None) -> dict[str, torch.Tensor]:
        def counts(log_probs: torch.Tensor) -> None:
            steps_made.append(1)
            if len(steps_made) > last:
                raise Interrupted

        one.fit(TEXTS, FitConfig(torch.Generator().manual_seed(1), 8, None, 2, counts, checkpoint))
        return one.state()

    expected, kept, again = fit(learner(), [], 99, None), InMemory(), list[int]()
    with pytest.raises(Interrupted):
        fit(learner(), [], 5, kept)
    found = fit(learner(), again, 99, kept)
    assert len(again) == 3
    assert all(torch.equal(found[name], values) for name, values in expected.items())


def trained(folder: Path, count: int) -> dict[str, dict[str, torch.Tensor]]:
    """What so many processes make of a model in each way to train of `in_processes`: whole models, and parts of one."""
    launched_together([str(Path(__file__).with_name("in_processes.py")), f"{count}.pt"], folder, count)
    found: dict[str, dict[str, torch.Tensor]] = torch.load(folder / f"{count}.pt")
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    return trained(tmp_path_factory.mktemp("alone"), 1)["whole"]


@pytest.mark.parametrize("count", [2, 4])
def test_processes_that_share_each_step_learn_what_one_learns(
    count: int, alone: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    for kind, together in trained(tmp_path, count).items():
        share = count if kind == "parts" else 1
        assert together.keys() == alone.keys()
        for name, values in alone.items():
            if name.endswith(": scores"):
                torch.testing.assert_close(together[name], values, rtol=0, atol=1e-4)
            elif name.endswith(": sample"):
                assert torch.equal(together[name], values)
            elif name.endswith(": held"):
                assert together[name] < 1.02 * values / share
        assert (together["plain: scores"] - together["weighted: scores"]).abs().max() > 1e-2
