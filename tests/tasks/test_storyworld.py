import math
from typing import Any

import pytest
import torch

from collapsebench import Corpus, Decoding, FitConfig, PluginError, Start, Task
from collapsebench.core.corpus import real_share
from collapsebench.core.seeds import stream
from collapsebench.core.task import TASKS
from collapsebench.learners.gradient import Optimizer
from collapsebench.learners.grammar.learner import GrammarLearner
from collapsebench.learners.lm.causal_lm import CausalLM

LENT = (
    "in a village lived a shy boy named Otto . his friend Pip was a frog . one day he gave his pink bell to Pip . "
    "Pip jumped home and put it on the shelf . later he wanted it back . Pip looked on the shelf and gave it back . "
    '" thank you ! " said Otto . Otto felt so happy . they sang songs together . </s>'
)


def storyworld(**sizes: int) -> Task:
    return TASKS.get("storyworld")(**sizes)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def corpus(*texts: str) -> Corpus:
    truth = storyworld().prior(rng())
    assert isinstance(truth, GrammarLearner)
    return Corpus({"tokens": truth.lexicon.encode([text.split() for text in texts], truth.length)})


def test_verifier_reward_and_reading_by_hand() -> None:
    """Joyful: thank, happy, sang; and nothing sorrowful. In the second, Pip looks elsewhere; the third has no end."""
    stories = corpus(LENT, LENT.replace("looked on the shelf", "looked in the box"), LENT.replace(" . </s>", ""))
    assert storyworld().verify(stories).tolist() == [True, False, False]
    assert storyworld().reward(stories).tolist() == [3, 3, 3]
    assert storyworld().reward(corpus(LENT.replace("shy", "sad"))).tolist() == [2]
    assert (
        storyworld()
        .render(stories)[0]
        .endswith('"Thank you!" said Otto. Otto felt so happy. They sang songs together.')
    )


def test_real_stories_are_right() -> None:
    stories = storyworld().real(300, stream("real", "storyworld", 0))
    assert storyworld().verify(stories).all()
    assert storyworld().prior(rng()).log_prob(stories).isfinite().all()


def true_model(truth: GrammarLearner, task: Task) -> CausalLM:
    """The grammar in the clothes of a language model: its logits are exact log-probabilities, its samples exact."""
    from transformers import GPT2Config, PreTrainedModel
    from transformers.modeling_outputs import CausalLMOutput

    learner = task.learner(rng())
    assert isinstance(learner, CausalLM)

    class TrueModel(PreTrainedModel):
        config_class = GPT2Config
        _supports_sdpa = True

        def __init__(self, config: GPT2Config) -> None:
            super().__init__(config)
            self.head = torch.nn.Linear(1, config.vocab_size)

        def get_output_embeddings(self) -> torch.nn.Module:
            return self.head

        def forward(self, input_ids: torch.Tensor, logits_to_keep: int = 0, **_: object) -> CausalLMOutput:
            logits = torch.full((*input_ids.shape, self.config.vocab_size), -1e4)
            for row, ids in enumerate(input_ids.tolist()):
                words = learner.tokenizer.convert_ids_to_tokens(ids[1:])
                for place, node in enumerate(truth.grammar.derive([*words, "?"]).nodes):
                    for word, branch in node.branches.items():
                        logits[row, place, truth.lexicon.ids([word])] = branch.log_prob
            return CausalLMOutput(logits=logits[:, -logits_to_keep:])

    class TrueLM(CausalLM):
        def sample(self, *args: Any, **kwargs: Any) -> Corpus:
            return truth.sample(*args, **kwargs)

    return TrueLM(TrueModel(learner.model.config), learner.tokenizer, learner.length, Optimizer())


def test_the_truth_scores_the_floor_of_exactly_zero() -> None:
    """lm-eval counts the tokens that the exact NLL counts, the end of each story among them."""
    task = storyworld(heldout=20, samples=200)
    truth = task.prior(rng())
    assert isinstance(truth, GrammarLearner)
    learner = true_model(truth, task)
    start = Start(task.real(50, rng()), lambda: task.learner(rng()))
    metrics = task.evaluate(learner, start, stream("evaluate", "storyworld", 0))
    assert metrics["excess_nll"] == pytest.approx(0, abs=1e-6)
    assert metrics["cloze"] == metrics["valid"] == 1
    assert 0.6 < metrics["certain_sites"] < 0.75
    assert metrics["tail_names"] > 0.4
    assert math.log(metrics["word_perplexity"]) == pytest.approx(
        truth.grammar.entropy / truth.grammar.expectations.words, rel=0.15
    )


def test_a_model_learns_and_every_metric_of_the_card_is_measured() -> None:
    task = storyworld(heldout=100, samples=100)
    real = task.real(100, stream("real", "storyworld", 0))
    learner = task.learner(stream("init", "storyworld", 0))
    start = Start(real, lambda: learner)
    before = torch.get_rng_state()
    untrained = task.evaluate(learner, start, stream("evaluate", "storyworld", 0))
    learner.fit(real, FitConfig(stream("batches", "storyworld", 0), steps=60, batch=8))
    trained = task.evaluate(learner, start, stream("evaluate", "storyworld", 0))
    assert trained.keys() == set(task.card.metrics)
    assert 0 < trained["excess_nll"] < untrained["excess_nll"] / 3
    assert trained["cloze"] > untrained["cloze"]
    assert torch.equal(torch.get_rng_state(), before)


def test_the_prior_edits_like_any_model() -> None:
    """Drawn anew given what stands before them, certain words stay and uncertain ones move."""
    task = storyworld()
    prior = task.prior(rng())
    stories = task.real(100, rng())
    log_prob, editable = prior.sites(stories)
    certain = (log_prob >= math.log(0.99)) & editable
    assert 0.6 < certain.sum() / editable.sum() < 0.75
    assert real_share(prior.resample(stories, certain, rng(), Decoding(top_k=8))) == real_share(stories)
    assert torch.equal(prior.resample(stories, certain, rng(), Decoding(top_k=8))["tokens"], stories["tokens"])
    assert not torch.equal(prior.resample(stories, editable, rng(), Decoding(top_k=8))["tokens"], stories["tokens"])


def test_cool_sampling_is_less_diverse() -> None:
    prior = storyworld().prior(rng())
    warm, cool = (prior.sample(300, rng(), Decoding(temperature=t)) for t in (1.0, 0.5))
    assert storyworld().verify(cool).all()
    assert len(torch.unique(cool["tokens"])) < len(torch.unique(warm["tokens"]))


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(PluginError, match="heldout"):
        storyworld(heldout=3)
    with pytest.raises(PluginError, match="samples"):
        storyworld(samples=0)


def test_the_card_says_the_sizes() -> None:
    assert "one-layer GPT-2 of width 16" in storyworld(width=16).card.about
    assert "3-layer" in storyworld(layers=3).card.about
