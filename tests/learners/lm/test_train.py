import dataclasses
from types import SimpleNamespace

import pytest
import torch

from collapsebench import Corpus, PluginError
from collapsebench.learners.gradient import Optimizer
from collapsebench.learners.lm import train
from collapsebench.learners.lm.causal_lm import LMShape
from collapsebench.learners.lm.tokenizer import BOS, EOS, PAD, Marks

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


def test_the_shares_of_two_processes_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss and gradients over three texts: two in one process, one in the other."""
    model = LMShape(vocabulary=6, context=4, width=8, heads=2, init=0.3).build(torch.Generator().manual_seed(0))
    parameters, rows = list(model.parameters()), torch.tensor([0, 1, 2])

    def share(process: int, of: int) -> tuple[torch.Tensor, ...]:
        machine = SimpleNamespace(num_processes=of, process_index=process)
        monkeypatch.setattr(train, "accelerator", lambda: machine)
        loss = train._Texts(model, TEXTS, MARKS, None).mean_loss(rows)
        return loss, *torch.autograd.grad(loss, parameters)

    whole, first, second = share(0, 1), share(0, 2), share(1, 2)
    assert all(torch.allclose(w, a + b, atol=1e-7) for w, a, b in zip(whole, first, second, strict=True))
    assert not torch.allclose(first[0], second[0])
    with pytest.raises(PluginError, match="4 processes cannot share 3 texts"):
        share(0, 4)
