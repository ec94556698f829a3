import math

import pytest
import torch

from collapsebench import Corpus, Decoding, Diverged, FitConfig, PluginError
from collapsebench.core.corpus import of_origin, real_share
from collapsebench.learners.gradient import Optimizer
from collapsebench.learners.lm.causal_lm import CausalLM, LMShape
from collapsebench.learners.lm.model import Lora, with_lora
from collapsebench.learners.lm.tokenizer import BOS, EOS, PAD, symbol_tokenizer

A, B, C = 3, 4, 5
TEXTS = Corpus({"tokens": torch.tensor([[A, B, C, EOS], [B, A, EOS, PAD]]).repeat(50, 1)})


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def learner(architecture: str = "gpt2", lr: float = 1e-2) -> CausalLM:
    shape = LMShape(vocabulary=6, context=4, width=16, heads=2, architecture=architecture, init=0.1)
    return CausalLM(shape.build(rng()), symbol_tokenizer("abc"), 4, Optimizer(lr=lr))


@pytest.fixture(scope="module")
def fitted() -> CausalLM:
    model = learner()
    model.fit(TEXTS, FitConfig(rng(1), steps=120, batch=16))
    return model


def test_without_weights_every_token_is_equally_likely() -> None:
    model = learner()
    with torch.no_grad():
        model.model.lm_head.weight.zero_()
    assert model.log_prob(TEXTS)[:2].tolist() == pytest.approx([-4 * math.log(6), -3 * math.log(6)], rel=1e-6)


def test_a_fit_learns_two_texts(fitted: CausalLM) -> None:
    assert fitted.log_prob(TEXTS).mean().item() == pytest.approx(-math.log(2), abs=0.05)


def test_samples_are_the_texts_ended_and_padded(fitted: CausalLM) -> None:
    tokens = fitted.sample(400, rng(2), Decoding(top_p=0.9))["tokens"]
    kinds, counts = torch.unique(tokens, dim=0, return_counts=True)
    assert kinds.tolist() == [[A, B, C, EOS], [B, A, EOS, PAD]]
    assert abs(counts[0].item() / 400 - 0.5) < 0.15


def test_the_cache_does_not_change_the_model(fitted: CausalLM) -> None:
    """Greedy text by text with a cache is, at every place, the likeliest token given the text before it."""
    greedy = fitted.sample(1, rng(), Decoding(top_k=1))
    everywhere = greedy["tokens"] != PAD
    assert torch.equal(fitted.resample(greedy, everywhere, rng(), Decoding(top_k=1))["tokens"], greedy["tokens"])


def test_editing_looks_at_the_original_prefix(fitted: CausalLM) -> None:
    """After A comes B; after the B of the original row comes A, whatever the first token was changed to."""
    row = of_origin(Corpus({"tokens": torch.tensor([[A, B, C, EOS], [B, A, EOS, PAD]])}), 0)
    mask = torch.tensor([[False, True, False, False], [True, True, False, False]])
    edited = fitted.resample(row, mask, rng(), Decoding(top_k=1))
    assert edited["tokens"][0].tolist() == [A, B, C, EOS]
    assert edited["tokens"][1, 1:].tolist() == [A, EOS, PAD]
    nothing = fitted.resample(row, torch.zeros_like(mask), rng(), Decoding())
    assert torch.equal(nothing["tokens"], row["tokens"])
    assert real_share(nothing) == 1


def test_sites_add_up_to_the_text_and_keep_its_first_token(fitted: CausalLM) -> None:
    sites = fitted.sites(TEXTS)
    assert torch.allclose(sites.log_prob.sum(1), fitted.log_prob(TEXTS))
    assert sites.editable[:2].tolist() == [[False, True, True, True], [False, True, True, False]]
    assert (sites.log_prob[1, 3], fitted.tokens(TEXTS)) == (0, 350)


def test_equal_streams_give_equal_bytes_and_leave_global_state_alone() -> None:
    before = torch.get_rng_state()
    states = []
    for _ in range(2):
        model = learner()
        report = model.fit(TEXTS, FitConfig(rng(1), steps=5, batch=8))
        states.append({**model.state(), "samples": model.sample(8, rng(3), Decoding())["tokens"]})
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert torch.equal(torch.get_rng_state(), before)
    assert (report.steps, 5 * 8 * 3 <= report.tokens <= 5 * 8 * 4) == (5, True)


def test_state_loads_into_another_learner(fitted: CausalLM) -> None:
    other = learner()
    other.load(fitted.state())
    assert torch.equal(other.log_prob(TEXTS), fitted.log_prob(TEXTS))
    with pytest.raises(PluginError, match="differs"):
        other.load({})


def test_site_weights_scale_the_loss_of_each_token() -> None:
    """With weight on nothing there is no gradient: biases, which do not decay, stay where they were."""
    seen: list[torch.Tensor] = []

    def nothing(log_probs: torch.Tensor) -> torch.Tensor:
        seen.append(log_probs)
        return torch.zeros_like(log_probs)

    model = learner()
    start = model.state()
    model.fit(TEXTS, FitConfig(rng(), steps=2, batch=8, site_weights=nothing))
    assert [tuple(s.shape) for s in seen] == [(8, 4), (8, 4)]
    assert not any(s.requires_grad for s in seen)
    assert all(torch.equal(start[name], now) for name, now in model.state().items() if now.dim() == 1)


def test_a_loss_that_is_not_finite_is_a_result() -> None:
    with pytest.raises(Diverged):
        learner(lr=math.inf).fit(TEXTS, FitConfig(rng(), steps=5, batch=8))


def test_another_architecture_learns_too() -> None:
    model = learner("llama")
    start = model.log_prob(TEXTS).mean()
    model.fit(TEXTS, FitConfig(rng(), steps=60, batch=8))
    assert model.log_prob(TEXTS).mean() > start + 2
    assert BOS not in model.sample(20, rng(), Decoding())["tokens"]


# -- prompts -------------------------------------------------------------------------------------

PROMPTED = Corpus(
    {
        "tokens": torch.tensor([[A, B, C, EOS], [B, A, EOS, PAD]]).repeat(50, 1),
        "prompt_length": torch.tensor([2, 1]).repeat(50),
    }
)
"""After "AB" comes C, after "B" comes A."""


def test_prompts_have_no_loss_and_are_not_editable() -> None:
    """With all tokens equally likely, two tokens cost 2 log 6 after either prompt."""
    model = learner()
    with torch.no_grad():
        model.model.lm_head.weight.zero_()
    sites = model.sites(PROMPTED)
    assert model.log_prob(PROMPTED)[:2].tolist() == pytest.approx([-2 * math.log(6)] * 2, rel=1e-6)
    assert sites.editable[:2].tolist() == [[False, False, True, True], [False, True, True, False]]
    assert not sites.log_prob[~sites.editable].any()
    seen: list[torch.Tensor] = []
    report = model.fit(PROMPTED, FitConfig(rng(), steps=1, batch=100, site_weights=lambda lp: seen.append(lp)))
    assert report.tokens == 200
    assert (seen[0] != 0).sum() == 200


def test_a_fit_learns_answers_and_not_prompts() -> None:
    model = learner()
    model.fit(PROMPTED, FitConfig(rng(1), steps=80, batch=16))
    assert model.log_prob(PROMPTED).mean() > -0.1
    assert model.log_prob(TEXTS).mean() < -1.5


def test_samples_continue_their_prompts(fitted: CausalLM) -> None:
    prompts = Corpus({"tokens": torch.tensor([[B, PAD], [A, B], [A, PAD]]), "prompt_length": torch.tensor([1, 2, 1])})
    continued = fitted.sample(3, rng(), Decoding(top_k=1), prompts)
    assert continued["tokens"].tolist() == [[B, A, EOS, PAD], [A, B, C, EOS], [A, B, C, EOS]]
    assert torch.equal(continued["prompt_length"], prompts["prompt_length"])
    with pytest.raises(PluginError, match="no room"):
        fitted.sample(
            1, rng(), Decoding(), Corpus({"tokens": torch.full((1, 4), A), "prompt_length": torch.tensor([4])})
        )


# -- what may go wrong, and adapters -------------------------------------------------------------


def test_editing_after_scoring_is_editing_without_it() -> None:
    """Draws that the known probabilities settle are those that the logits give."""
    model = learner()
    model.fit(TEXTS, FitConfig(rng(1), steps=60, batch=16))
    mask = model.sites(TEXTS).editable
    for decoding in (Decoding(top_k=2), Decoding(0.7), Decoding(1.5), Decoding()):
        scored = model.resample(TEXTS, mask, rng(5), decoding)["tokens"]
        again = Corpus({"tokens": TEXTS["tokens"]})
        assert torch.equal(model.resample(again, mask, rng(5), decoding)["tokens"], scored)
        assert not torch.equal(scored, TEXTS["tokens"])


def test_scores_are_those_of_the_model_as_it_is_now() -> None:
    model = learner()
    before = model.log_prob(TEXTS)
    state = model.state()
    model.fit(TEXTS, FitConfig(rng(1), steps=5, batch=16))
    assert not torch.equal(model.log_prob(TEXTS), before)
    model.load(state)
    assert torch.equal(model.log_prob(TEXTS), before)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_adapters_are_all_that_lora_trains(architecture: str) -> None:
    pytest.importorskip("peft")
    shape = LMShape(6, 4, width=16, heads=2, architecture=architecture, init=0.1)
    plain = CausalLM(shape.build(rng()), symbol_tokenizer("abc"), 4, Optimizer(lr=1e-2))

    def adapted() -> CausalLM:
        return CausalLM(
            with_lora(shape.build(rng()), Lora(rank=2), rng()), symbol_tokenizer("abc"), 4, Optimizer(lr=0.05)
        )

    before = torch.get_rng_state()
    model = adapted()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.allclose(model.log_prob(TEXTS), plain.log_prob(TEXTS))
    model.fit(TEXTS, FitConfig(rng(1), steps=40, batch=16))
    assert model.log_prob(TEXTS).mean() > plain.log_prob(TEXTS).mean() + 1
    state = model.state()
    assert state
    assert all("lora_" in name for name in state)
    other = adapted()
    other.load(state)
    assert torch.equal(other.log_prob(TEXTS), model.log_prob(TEXTS))


def test_models_that_cannot_read_the_texts_are_refused() -> None:
    model = LMShape(vocabulary=6, context=4, width=16, heads=2).build(rng())
    with pytest.raises(PluginError, match="context"):
        CausalLM(model, symbol_tokenizer("abc"), 6, Optimizer())
    with pytest.raises(PluginError, match="7 tokens"):
        CausalLM(model, symbol_tokenizer("abcd"), 4, Optimizer())


def test_an_unknown_architecture_is_named() -> None:
    with pytest.raises(PluginError, match="rnn"):
        learner("rnn")
