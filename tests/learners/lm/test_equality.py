"""Our forward passes against plain Hugging Face: one model, one number, whichever way it is computed."""

import pytest
import torch
import torch.nn.functional as F

from collapsebench import Corpus, Decoding, FitConfig
from collapsebench.learners.gradient import Optimizer
from collapsebench.learners.lm.causal_lm import CausalLM, LMShape
from collapsebench.learners.lm.pack import Packer, rows_of
from collapsebench.learners.lm.sample import generate
from collapsebench.learners.lm.score import next_token_logits, token_log_probs
from collapsebench.learners.lm.tokenizer import BOS, EOS, PAD, Marks, symbol_tokenizer

MARKS = Marks(BOS, EOS, PAD)
VOCABULARY, LENGTH = 19, 14


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request):
    """A model whose texts end after 1 to 14 tokens."""
    return LMShape(VOCABULARY, LENGTH, width=16, layers=2, heads=2, architecture=request.param, init=0.3).build(rng())


@pytest.fixture(scope="module")
def texts() -> torch.Tensor:
    """30 random texts of 1 to 14 tokens."""
    lengths = torch.randint(1, LENGTH + 1, (30, 1), generator=rng(1))
    tokens = torch.randint(3, VOCABULARY, (30, LENGTH), generator=rng(2))
    place = torch.arange(LENGTH)
    return tokens.where(place < lengths - 1, EOS).where(place < lengths, PAD)


def plain_log_probs(model, text: list[int]) -> torch.Tensor:
    """One text, forward as Hugging Face documents it."""
    with torch.no_grad():
        logits = model(torch.tensor([[BOS, *text]])).logits[0, :-1]
    return logits.log_softmax(-1)[torch.arange(len(text)), torch.tensor(text)]


def test_the_scorer_is_plain_forward(model, texts) -> None:
    learner = CausalLM(model, symbol_tokenizer("abcdefghijklmnop"), LENGTH, Optimizer())
    scores = learner.sites(Corpus({"tokens": texts})).log_prob
    for row, score in zip(texts, scores, strict=True):
        expected = plain_log_probs(model, row[row != PAD].tolist())
        assert torch.allclose(score[: len(expected)], expected, atol=1e-5)
        assert not score[len(expected) :].any()


def test_the_sampler_sees_the_logits_of_plain_forward(model, monkeypatch) -> None:
    """Logits at every place of every text drawn, its neighbours in the batch dropped along the way or not."""
    from collapsebench.learners.lm import sample

    seen: list[torch.Tensor] = []

    def spy(logits, decoding, uniform):
        seen.append(logits.clone())
        return draw(logits, decoding, uniform)

    draw = sample.draw
    monkeypatch.setattr(sample, "draw", spy)
    texts = [generate(model, 1, LENGTH, rng(seed), Decoding(), MARKS)[0] for seed in range(5)]
    expected = []
    for text in texts:
        text = text[text != PAD]
        with torch.no_grad():
            logits = model(torch.cat([torch.tensor([BOS]), text])[None]).logits[0, :-1]
        logits[:, [BOS, PAD]] = float("-inf")
        expected.append(logits)
    assert torch.allclose(torch.cat(seen), torch.cat(expected), atol=1e-5)


def test_greedy_is_generate(model) -> None:
    """With prompts of one length, since `generate` pads others on the left; without, from the start token."""
    prompts = torch.randint(3, VOCABULARY, (20, 3), generator=rng(3))
    given = torch.full((20,), 3)
    ours = generate(model, 20, LENGTH, rng(), Decoding(top_k=1), MARKS, prompts, given)
    theirs = model.generate(
        torch.cat([torch.full((20, 1), BOS), prompts], 1),
        do_sample=False,
        max_new_tokens=LENGTH - 3,
        pad_token_id=PAD,
        eos_token_id=EOS,
        suppress_tokens=[BOS, PAD],
    )[:, 1:]
    assert torch.equal(ours, F.pad(theirs, (0, LENGTH - theirs.shape[1]), value=PAD))
    assert len({len(row[row != PAD]) for row in ours}) > 3


def test_a_text_does_not_depend_on_its_batch(model, monkeypatch) -> None:
    from collapsebench.learners.lm import sample

    together = generate(model, 60, LENGTH, rng(4), Decoding(), MARKS)
    assert len({len(row[row != PAD]) for row in together}) > 5
    monkeypatch.setattr(sample, "ROWS_AT_ONCE", 7)
    assert torch.equal(generate(model, 60, LENGTH, rng(4), Decoding(), MARKS), together)


def test_prompts_of_different_lengths_share_a_batch(model) -> None:
    """Each continuation is what the prompt alone gives."""
    prompts = torch.randint(3, VOCABULARY, (12, 6), generator=rng(5))
    given = torch.arange(12) % 6
    together = generate(model, 12, LENGTH, rng(), Decoding(top_k=1), MARKS, prompts, given)
    for i in range(12):
        alone = generate(model, 1, LENGTH, rng(), Decoding(top_k=1), MARKS, prompts[i : i + 1], given[i : i + 1])
        assert torch.equal(together[i], alone[0])
        assert torch.equal(together[i, : given[i]], prompts[i, : given[i]])


def test_rows_by_hand() -> None:
    """The longest text fills a row; 4 + 2 fit into another, and so do 3 + 1 + 2."""
    assert rows_of([3, 6, 4, 2, 1, 2]) == [[1], [2, 3], [0, 5, 4]]


def test_packed_is_unpacked(model, texts) -> None:
    """Log-probabilities, and the gradient of the mean loss."""
    lengths = (texts != PAD).sum(1)
    assert len(rows_of(lengths.tolist())) < 0.7 * len(texts)
    gradients = []
    packed = Packer(model, MARKS).log_probs(texts, lengths)
    plain = token_log_probs(next_token_logits(model, texts, MARKS), texts, PAD)
    for log_probs in (packed, plain):
        loss = -log_probs.sum() / (texts != PAD).sum()
        gradients.append((loss, *torch.autograd.grad(loss, list(model.parameters()))))
    assert torch.allclose(packed, plain, atol=2e-6)
    for a, b in zip(*gradients, strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_fit_is_the_same_packed_and_unpacked(texts, monkeypatch) -> None:
    from collapsebench.learners.lm import pack

    def fit() -> dict[str, torch.Tensor]:
        shape = LMShape(VOCABULARY, LENGTH, width=16, heads=2)
        learner = CausalLM(shape.build(rng()), symbol_tokenizer("abcdefghijklmnop"), LENGTH, Optimizer())
        learner.fit(Corpus({"tokens": texts}), FitConfig(rng(1), steps=5, batch=10))
        return learner.state()

    packed = fit()
    monkeypatch.setattr(pack, "WORTHWHILE", 0)
    unpacked = fit()
    assert all(torch.allclose(packed[name], unpacked[name], atol=1e-5) for name in packed)
    assert not all(torch.equal(packed[name], unpacked[name]) for name in packed)


def test_no_texts_are_no_texts(model) -> None:
    assert generate(model, 0, LENGTH, rng(), Decoding(), MARKS).shape == (0, LENGTH)
