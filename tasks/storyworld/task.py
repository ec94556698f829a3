"""Stories from a grammar with a world state: text whose true probability is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field

from collapsebench import Corpus, Count, Decoding, Learner, Metric, Positive, Start, Task, TaskCard, task
from collapsebench.scoring import STATISTICS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from collapsebench.learners import CausalLM, GrammarLearner
    from collapsebench.scoring import Suite, Variety

CLOZE, ENDINGS = 100, 4  # cloze questions, and endings to choose from

JOYS = {"happy", "glad", "proud", "excited", "laughed", "danced", "sang", "played", "games", "thank"}
SORROWS = {"sad", "upset", "worried", "afraid", "dirty", "stuck"}


@task("storyworld")
class Storyworld(Task):
    """Small children's stories, word by word: a child, a friend, a thing, a problem and how it was solved.

    The grammar (story.py) keeps a world state, so names come back and things are found where they were put. Its
    entropy and the probability of each story are exact; what a model loses beyond them is its own doing.

    Args:
        heldout: held-out stories.
        samples: stories that sample statistics are computed on.
        lr: peak learning rate.
        width: hidden size of the model.
        layers: its blocks.
        heads: its attention heads.
        init: standard deviation of its initial weights.
    """

    heldout: Annotated[int, Field(ge=ENDINGS)] = 300
    samples: Count = 500
    lr: Positive = 6e-3
    width: Count = 48
    layers: Count = 1
    heads: Count = 8
    init: Positive = 0.1

    card = TaskCard(
        title="Storyworld",
        modality="tokens",
        suite="language",
        primary="excess_nll",
        unit="nats/token",
        metrics={
            "excess_nll": Metric(
                "NLL of held-out stories (lm-eval, rolling) less their exact NLL, nats per token; 0 at best"
            ),
            "bits_per_byte": Metric("NLL of held-out stories in bits per byte (lm-eval, rolling)", 0),
            "word_perplexity": Metric("their perplexity per word (lm-eval, rolling)", 1),
            "cloze": Metric(f"share of {CLOZE} held-out stories whose ending is found among {ENDINGS} (lm-eval)", 0, 1),
            "certain_sites": Metric("share of held-out tokens with model probability at least .99", 0, 1),
            "rare_name_nll": Metric("NLL of the child's name in held-out stories where it is a rare one, nats", 0),
            "valid": Metric("share of the samples that are consistent stories", 0, 1),
            "tail_names": Metric("share of the 40 rare names that a child is given in the samples", 0, 1),
            **STATISTICS,
        },
        supports={"sites", "log_prob", "temperature", "top_k", "top_p", "site_weights", "verifier", "reward", "prior"},
        shown=("diversity_ratio", "tail_names", "valid"),
    )

    def __post_init__(self) -> None:
        layers = "a one-layer" if self.layers == 1 else f"a {self.layers}-layer"
        about = (
            f"children's stories of a grammar that gives their exact probability; {layers} GPT-2 of width {self.width}"
        )
        object.__setattr__(self, "card", replace(type(self).card, about=about))

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        return truth().sample(n, rng, Decoding())

    def learner(self, rng: torch.Generator) -> Learner:
        from collapsebench.learners import CausalLM, LMShape, Optimizer

        length = truth().length
        shape = LMShape(len(truth().lexicon), length, self.width, self.layers, self.heads, init=self.init)
        return CausalLM(shape.build(rng), tokenizer(), length, Optimizer(lr=self.lr, schedule="linear"))

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        from collapsebench.learners import PAD, CausalLM
        from collapsebench.scoring import sample_statistics

        assert isinstance(learner, CausalLM)
        heldout_seed, sample_seed = torch.randint(2**62, (2,), generator=rng).tolist()
        samples = learner.sample(self.samples, torch.Generator().manual_seed(sample_seed), Decoding())
        test = heldout(self, heldout_seed)
        return {
            **test.metrics(learner),
            **sample_statistics(samples, start, test.variety, PAD),
            "valid": float(self.verify(samples).double().mean()),
            "tail_names": float(torch.isin(rare_names(), names_given(samples["tokens"])).double().mean()),
        }

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Whether it is one whole story in which all is consistent."""
        return truth().valid(corpus)

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """Cheerfulness: the number of joyful words less that of sorrowful ones."""
        stories = truth().lexicon.decode(corpus["tokens"])
        return torch.tensor([float(sum((word in JOYS) - (word in SORROWS) for word in words)) for words in stories])

    def prior(self, rng: torch.Generator) -> Learner:
        """The grammar itself."""
        return truth()

    def render(self, corpus: Corpus) -> list[str]:
        return texts(corpus["tokens"])


@dataclass(frozen=True)
class Heldout:
    """Held-out stories, ready to be scored.

    Args:
        corpus: their tokens.
        exact_nll: their exact NLL, nats per token, the end of each story counted as a token.
        suite: the lm-eval tasks.
        variety: of the texts.
    """

    corpus: Corpus
    exact_nll: float
    suite: Suite
    variety: Variety

    def metrics(self, learner: CausalLM) -> dict[str, float]:
        """What a language model makes of them; without a rare name among them, its metric is absent."""
        from collapsebench.learners import PAD

        scores = self.suite.score(learner.model)
        perplexity = scores["storyworld_story"]["word_perplexity"]
        log_prob, tokens = learner.sites(self.corpus).log_prob, self.corpus["tokens"]
        introduced = torch.isin(tokens, rare_names()).cumsum(1).cumsum(1) == 1  # where a rare name first stands
        rare = {"rare_name_nll": -float(log_prob[introduced].mean())} if bool(introduced.any()) else {}
        return {
            "excess_nll": math.log(perplexity) - self.exact_nll,
            "word_perplexity": perplexity,
            "bits_per_byte": scores["storyworld_story"]["bits_per_byte"],
            "cloze": scores["storyworld_cloze"]["acc"],
            "certain_sites": float((log_prob[tokens != PAD] >= math.log(0.99)).double().mean()),
            **rare,
        }


@lru_cache(maxsize=8)
def heldout(task: Storyworld, seed: int) -> Heldout:
    """The held-out stories of an evaluation stream; made once per process, since every generation asks for them."""
    from collapsebench.learners import PAD
    from collapsebench.scoring import Suite, variety

    corpus = task.real(task.heldout, torch.Generator().manual_seed(seed))
    exact_nll = -float(truth().log_prob(corpus).sum()) / truth().tokens(corpus)
    stories = truth().lexicon.decode(corpus["tokens"])
    documents: dict[str, list[dict[str, object]]] = {
        "storyworld_story": [{"story": " ".join(words)} for words in stories],
        "storyworld_cloze": [cloze(stories, place) for place in range(min(CLOZE, len(stories)))],
    }
    suite = Suite(Path(__file__).parent / "lm_eval", documents, tokenizer())
    return Heldout(corpus, exact_nll, suite, variety(corpus, PAD))


def cloze(stories: list[list[str]], place: int) -> dict[str, object]:
    """The story at `place` without its ending, and endings of which only its own is possible there.

    The wrong ones are those of the next stories that would contradict this one, e.g. by another child's name.
    """
    beginning, ending = parted(stories[place])
    others = (parted(other)[1] for other in stories[place + 1 :] + stories[:place])
    impossible = (other for other in others if not truth().grammar.derive([*beginning, *other]).complete)
    wrong = list(islice(impossible, ENDINGS - 1))
    right = place % ENDINGS
    choices = [" ".join(words) for words in [*wrong[:right], ending, *wrong[right:]]]
    return {"beginning": " ".join(beginning), "endings": choices, "right": min(right, len(wrong))}


def parted(words: list[str]) -> tuple[list[str], list[str]]:
    """A story before its last three full stops' sentences, and those."""
    stops = [place for place, word in enumerate(words) if word == "."]
    return words[: stops[-4] + 1], words[stops[-4] + 1 :]


@cache
def truth() -> GrammarLearner:
    """The distribution of stories."""
    from collapsebench.learners import GrammarLearner

    from .story import LONGEST, STORIES

    return GrammarLearner(STORIES, LONGEST)


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """One token per word."""
    from collapsebench.learners import symbol_tokenizer

    return symbol_tokenizer(truth().grammar.expectations.vocabulary, words=True)


@cache
def rare_names() -> torch.Tensor:
    """Token ids of the rare names, `[40]`."""
    from .story import RARE_NAMES

    return torch.tensor(truth().lexicon.ids(RARE_NAMES))


def names_given(tokens: torch.Tensor) -> torch.Tensor:
    """The tokens that stand after "named" in `tokens` `[n, L]`: a misspoken name later on is not one that is known."""
    (named,) = truth().lexicon.ids(["named"])
    return tokens[:, 1:][tokens[:, :-1] == named]


def texts(tokens: torch.Tensor) -> list[str]:
    """Each token row as people write it."""
    from .story import readable

    return [readable(words) for words in truth().lexicon.decode(tokens)]
