"""The contract of a task: each broken one is blamed on the one check that is about it."""

import pytest

from collapsebench.testing import check_task, task_results
from collapsebench.testing.task import TASK_CHECKS


@pytest.mark.parametrize("stepped", [False, True])
def test_the_toy_task_passes_every_check_that_applies(failed, task_class, stepped):
    results = task_results(task_class(stepped=stepped))
    assert failed(results) == []
    skipped = {result.name for result in results if result.outcome == "skipped"}
    optional = {"population", "pictures", "extended", "learning_curve"}
    assert skipped == optional | {"row_weights" if stepped else "site_weights"}


REAL = "def real(self, n, rng):\n    "
FIT = "def fit(self, corpus, training):\n    "
SAMPLE = "def sample(self, n, rng, decoding, conditions=None):\n    "
EVALUATE = "def evaluate(self, learner, start, rng):\n    "
CURVE = "def learning_curve(self, sizes):\n    "
PICTURES = "def pictures(self, corpus):\n    x = corpus['x'].view(-1, 1, 1)\n    return "
STEPPED = {"stepped": True}
BAD_TASKS = {
    "a modality of its own": ("declaration", {"body": "card = TaskCard('T', 'sound', 'e', 'u', {'e': Metric('.')})"}),
    "rules that no protocol has": ("declaration", {"body": "rules = {'nn': 50}"}),
    "a size that is a list": ("declaration", {"body": "sizes: object = (1, 2)"}),
    "pickles": ("no_pickle", {"body": "def render(self, corpus):\n    import pickle"}),
    "one row too many": ("real_data", {"body": REAL + "return super().real(n + 1, rng)"}),
    "always the same rows": ("real_data", {"body": REAL + "return super().real(n, torch.Generator().manual_seed(1))"}),
    "other rows each time": (
        "real_data",
        {"body": REAL + "import time\n    return super().real(n, rng.manual_seed(time.time_ns() % 2**40))"},
    ),
    "repeats": (
        "population",
        {
            "body": "population: int = 9\n"
            + REAL
            + "return Corpus({'x': torch.rand(n, generator=rng).round().double()})"
        },
    ),
    "begins anywhere": ("initial_learner", {"body": "def learner(self, rng):\n    return Own(torch.rand(1).item())"}),
    "says nothing of its cost": ("fit", {"learner": FIT + "super().fit(corpus, training)"}),
    "samples in half the precision": (
        "sample",
        {"learner": SAMPLE + "return Corpus({'x': super().sample(n, rng, decoding)['x'].float()})"},
    ),
    "a metric beyond its range": ("metrics", {"body": EVALUATE + "return {'error': 0.1, 'rows': -1.0}"}),
    "unknown metric": ("metrics", {"body": EVALUATE + "return {'error': 0.1, 'other': 1.0}"}),
    "changes the model": ("metrics", {"body": EVALUATE + "learner.mean = learner.mean + 1\n    return {'error': 0.5}"}),
    "loses its state": ("state", {"learner": "def load(self, state):\n    pass"}),
    "ignores row weights": (
        "row_weights",
        {"learner": FIT + "return super().fit(Corpus(dict(corpus.columns)), training)"},
    ),
    "extends nothing": ("extended", {"learner": "def extended(self, added):\n    return self"}),
    "one log-probability for all": (
        "log_prob",
        {
            "learner": "def log_prob(self, corpus):\n    return torch.zeros(())\n"
            "def sites(self, corpus):\n    return Sites(-corpus['x'][:, None], corpus['x'][:, None] > 1)"
        },
    ),
    "nothing to edit": (
        "sites",
        {
            "learner": "def sites(self, corpus):\n"
            "    return super().sites(corpus)._replace(editable=torch.zeros(len(corpus), 1).bool())"
        },
    ),
    "redraws every site": (
        "resample",
        {
            "learner": "def resample(self, corpus, mask, rng, *options, **more):\n"
            "    return super().resample(corpus, torch.ones_like(mask), rng, *options, **more)"
        },
    ),
    "ignores the temperature": (
        "decoding",
        {"learner": SAMPLE + "return super().sample(n, rng, replace(decoding, temperature=1.0))"},
    ),
    "ignores the loss weights": (
        "site_weights",
        {"learner": FIT + "return super().fit(corpus, replace(training, site_weights=None))", **STEPPED},
    ),
    "verifies in floats": ("verifier", {"body": "def verify(self, corpus):\n    return corpus['x']"}),
    "has no such verifier": ("verifier", {"body": "verify = Task.verify"}),
    "rewards the whole": ("reward", {"body": "def reward(self, corpus):\n    return corpus['x'].sum()"}),
    "a prior of another kind": (
        "prior",
        {"body": "def prior(self, rng):\n    return Own(torch.rand(1).item())"},
    ),
    "pictures in floats": ("pictures", {"body": PICTURES + "x"}),
    "pictures as bright as the sum": ("pictures", {"body": PICTURES + "(2550 * x / x.sum()).to(torch.uint8)"}),
    "theory of another length": (
        "theory",
        {"body": "def theory(self, method, n, generations):\n    return {'error': [1.0]}"},
    ),
    "theory of a metric that is none": (
        "theory",
        {"body": "def theory(self, method, n, generations):\n    return {'size': [1.0] * 5}"},
    ),
    "a learning curve of another length": ("learning_curve", {"body": CURVE + "return [1.0]"}),
    "a learning curve that is not measured": (
        "learning_curve",
        {"body": CURVE + "return [1.0, 0.5]\n" + EVALUATE + "return {'error': 1.0}"},
    ),
    "an outside model that is the same": (
        "outside_generator",
        {"learner": FIT + "super().fit(corpus, training)\n    self.mean *= 0\n    return FitReport(1)"},
    ),
    "writes into D_0": (
        "inputs_unchanged",
        {"body": EVALUATE + "start.corpus['x'].add_(1)\n    return {'error': 0.5}"},
    ),
    "global random": ("global_random_state_untouched", {"body": EVALUATE + "torch.rand(1)\n    return {'error': 0.5}"}),
    "knows whether its first model was loaded": (
        "resumable",
        {
            "learner": FIT + "self.here = True\n    return super().fit(corpus, training)",
            "body": EVALUATE + "return {'error': 0.5 + hasattr(start.model, 'here')}",
            **STEPPED,
        },
    ),
}


@pytest.mark.parametrize(("check", "parts"), BAD_TASKS.values(), ids=BAD_TASKS)
def test_a_broken_task_fails_the_check_that_is_about_it(failed, task_class, check, parts):
    assert failed(task_results(task_class(**parts))) == [check]


def test_every_check_has_a_task_that_fails_it():
    assert {check for check, _ in BAD_TASKS.values()} == set(TASK_CHECKS.names) - {"more_rows_help"}


def test_a_learning_curve_that_is_what_the_fits_measure_passes(task_class):
    """The mean of n numbers drawn from a normal distribution is off by √(2/πn), by hand."""
    body = f"""
{REAL}return Corpus({{'x': torch.randn(n, generator=rng, dtype=torch.float64)}})
{EVALUATE}return {{'error': learner.mean.abs().item()}}
{CURVE}return [(2 / (torch.pi * size)) ** 0.5 for size in sizes]
"""
    for factor, outcome in (("", "passed"), ("1.5 * ", "failed")):
        cls = task_class(body.replace("[(2", f"[{factor}(2"), name=f"normal_{outcome}")
        outcomes = {result.name: result.outcome for result in task_results(cls)}
        assert (outcomes["learning_curve"], outcomes["more_rows_help"]) == (outcome, "passed")


def test_rows_that_do_not_help_are_a_warning(task_class):
    results = task_results(task_class(EVALUATE + "return {'error': 1.0}"))
    [warning] = [result for result in results if result.outcome == "warning"]
    assert (warning.name, warning.detail) == ("more_rows_help", "The loss is 1 on 8 rows and 1 on 128.")


def test_check_task_asserts(task_class):
    check_task(task_class())
    with pytest.raises(AssertionError, match=r"Task 'wrong' breaks its contract:\n- theory "):
        check_task(task_class("def theory(self, method, n, generations):\n    return {'error': [1.0]}", name="wrong"))
