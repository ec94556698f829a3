"""What every learner promises: what a row's weight means, and that its state restores it."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch

from collapsebench import Corpus, Decoding, FitConfig, Learner
from collapsebench.learners import (
    CategoricalLearner,
    CausalLM,
    ConditionalDDPM,
    ConditionalVAE,
    DDPMShape,
    FlowMatching,
    FlowShape,
    GaussianLearner,
    ImageShape,
    KernelDensityLearner,
    LinearLearner,
    LMShape,
    Optimizer,
    RandomFeatures,
    TwoLayerNetwork,
    VAEShape,
    symbol_tokenizer,
)

IMAGES = ImageShape(side=2, levels=1, classes=2)
OPTIMIZER = Optimizer(lr=2e-2, weight_decay=0.0)
EXACT, TRAINED = 1e-9, 0.25


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def vectors(*x: float) -> Corpus:
    return Corpus({"x": torch.tensor(x, dtype=torch.float64).unsqueeze(1)})


def images(*rows: tuple[int, int]) -> Corpus:
    """Images of one grey level each, with a label."""
    grey, label = torch.tensor(rows).T
    return Corpus({"image": grey.to(torch.uint8).unsqueeze(1).expand(-1, 4).contiguous(), "label": label})


def log_odds(learner: Learner, rows: Corpus) -> float:
    """How much more probable the first row is than the second."""
    first, second, *_ = learner.log_prob(rows).tolist()
    return float(first - second)


def dark_share(learner: Learner, rows: Corpus) -> float:
    return float((learner.sample(500, rng(5), Decoding())["image"] == 0).double().mean())


def positive_share(learner: Learner, rows: Corpus) -> float:
    return float((learner.sample(1000, rng(5), Decoding())["x"] > 0).double().mean())


class Case(NamedTuple):
    learner: Callable[[], Learner]
    rows: Corpus
    """The first of which weighs three times as much as each of the others."""
    tolerance: float = EXACT
    ask: Callable[[Learner, Corpus], float] = log_odds


CASES = {
    "gaussian": Case(lambda: GaussianLearner(1), vectors(0.0, 2.0)),
    "kde": Case(lambda: KernelDensityLearner(1, 0.5, "scott"), vectors(0.0, 2.0)),
    "categorical": Case(
        lambda: CategoricalLearner(1, 2, smoothing=1.0),
        Corpus({"context": torch.tensor([0, 0]), "token": torch.tensor([0, 1])}),
    ),
    "linear": Case(
        lambda: LinearLearner(1, 1.0, ridge=0.1),
        Corpus({**vectors(1.0, 1.0, -1.0).columns, "y": torch.tensor([2.0, 0.0, 1.0], dtype=torch.float64)}),
    ),
    "random_features": Case(
        lambda: RandomFeatures(IMAGES, torch.eye(4), 0.1), images((1, 0), (1, 1), (0, 1)), tolerance=1e-5
    ),
    "network": Case(lambda: TwoLayerNetwork(IMAGES, 8, OPTIMIZER, rng()), images((1, 0), (1, 1)), TRAINED),
    "flow": Case(
        lambda: FlowMatching(FlowShape(1, 32, 2, optimizer=OPTIMIZER), rng()),
        Corpus({"x": torch.tensor([[1.0], [-1.0]])}),
        tolerance=0.1,
        ask=positive_share,
    ),
    "vae": Case(
        lambda: ConditionalVAE(VAEShape(IMAGES, 2, 16, OPTIMIZER), rng()), images((0, 0), (1, 0)), 0.1, dark_share
    ),
    "vae, label": Case(
        lambda: ConditionalVAE(VAEShape(IMAGES, 2, 16, OPTIMIZER), rng()), images((1, 0), (1, 1)), TRAINED
    ),
    "ddpm": Case(
        lambda: ConditionalDDPM(DDPMShape(IMAGES, 4, 32, OPTIMIZER), rng()), images((0, 0), (1, 0)), 0.1, dark_share
    ),
    "language_model": Case(
        lambda: CausalLM(
            LMShape(5, 1, width=8, heads=1).build(rng()), symbol_tokenizer("ab"), 1, OPTIMIZER, ends=False
        ),
        Corpus({"tokens": torch.tensor([[3], [4]])}),
        TRAINED,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_row_of_weight_three_counts_like_three_copies(name: str) -> None:
    learner, rows, tolerance, ask = CASES[name]

    def answer(corpus: Corpus) -> float:
        model = learner()
        model.fit(corpus, FitConfig(rng(1), steps=250, batch=48))
        return ask(model, rows)

    weights = torch.ones(len(rows), dtype=torch.float64)
    weights[0] = 3.0
    copies = answer(rows.select(torch.tensor([0, 0, *range(len(rows))])))
    assert answer(rows.with_weights(weights)) == pytest.approx(copies, abs=tolerance)
    assert abs(answer(rows) - copies) > 1.5 * tolerance, "the weight makes no difference: the test cannot fail"


@pytest.mark.parametrize("name", CASES)
def test_a_state_restores_a_learner(name: str) -> None:
    learner, rows, _, ask = CASES[name]
    fitted, restored = learner(), learner()
    fitted.fit(rows.select(torch.arange(len(rows)).repeat(3)[1:]), FitConfig(rng(1), steps=20, batch=8))
    restored.load(fitted.state())
    assert ask(restored, rows) == ask(fitted, rows)
    assert restored.state().keys() == fitted.state().keys()
    if name != "kde":  # which has no rows to ask about before it is fitted
        assert ask(learner(), rows) != ask(fitted, rows), "fitting makes no difference: the test cannot fail"
