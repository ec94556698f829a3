from dataclasses import replace
from itertools import islice

import pytest
import torch

from collapsebench import Corpus, Decoding, Diverged, Method, MethodCard, PluginError
from collapsebench.core.block import EDITED, REAL
from collapsebench.core.corpus import blocks_of
from collapsebench.core.errors import LimitExceeded
from collapsebench.loop.cell import Cell
from collapsebench.loop.checks import check_corpus, check_values, check_weights
from collapsebench.loop.lineage import Lineage
from collapsebench.testing.toy import Mean, SteppedMean

LIKE = Corpus({"x": torch.zeros(4, 2), "y": torch.zeros(4, dtype=torch.int64)})


def like(n=4, **changes):
    return Corpus({**LIKE.select(torch.zeros(n, dtype=torch.int64)).columns, **changes})


@pytest.fixture
def run(toy, make_protocol):
    """Runs one cell of a method given as a function, in memory."""

    def run(curate, task=None, generations=3, rules=None, access=()):
        class Given(Method):
            name = "given"
            card = MethodCard(title="Given", access=access)

            def params(self):
                return {}

        Given.curate = lambda self, arrivals, ctx: curate(arrivals, ctx)
        Given.__abstractmethods__ = frozenset()
        cell = Cell(make_protocol(rules, generations=generations), task or toy.Toy(), Given(), 0)
        return list(Lineage(cell, None).generations())

    return run


# -- what a corpus must be -----------------------------------------------------------------------


def test_a_corpus_like_the_tasks_own_passes():
    check_corpus(like(7), LIKE, most_bytes=7 * 16, method="m")
    check_values(blocks_of(like(7)), "m")


@pytest.mark.parametrize(
    ("corpus", "said"),
    [
        (None, "Method 'm' returned NoneType, not a Corpus."),
        (torch.zeros(3), "Method 'm' returned Tensor, not a Corpus."),
        (like(0), "Method 'm' returned an empty corpus."),
        (Corpus({"x": torch.zeros(4, 2)}), "returned Corpus(4 rows: x[2]) where"),
        (
            like(x=torch.zeros(4, 3)),
            "x[3], y[]) where the task's examples are Corpus(4 rows: x[2], y[])",
        ),
        (like(x=torch.zeros(4, 2, dtype=torch.float64)), "where the task's examples are"),
        (like(z=torch.zeros(4)), "where the task's examples are"),
    ],
)
def test_another_thing_or_shape_is_refused_by_name(corpus, said):
    with pytest.raises(PluginError) as error:
        check_corpus(corpus, LIKE, 10**6, "m")
    assert said in error.value.message


def test_more_rows_than_memory_allows_are_refused_before_they_are_gathered():
    huge = Corpus.concat([LIKE] * 100_000)
    with pytest.raises(LimitExceeded, match="Method 'm' returned 400000 rows, 6 MiB; the protocol allows 1 MiB"):
        check_corpus(huge, LIKE, 2**20, "m")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused_by_column(bad):
    with pytest.raises(PluginError, match="Method 'm' returned values in 'x' that are not finite"):
        check_values(blocks_of(like(1, x=torch.tensor([[0.0, bad]]))), "m")


@pytest.mark.parametrize("weights", [[float("nan"), 1, 1, 1], [float("inf"), 1, 1, 1], [-1, 1, 1, 1]])
def test_weights_that_are_nan_infinite_or_negative_are_refused(weights):
    with pytest.raises(PluginError, match="row weights that are NaN, infinite or negative"):
        check_weights(blocks_of(LIKE.with_weights(torch.tensor(weights))), "m")


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(PluginError, match="all zero"):
        check_weights(blocks_of(LIKE.with_weights(torch.zeros(4))), "m")
    check_weights(blocks_of(LIKE.with_weights(torch.tensor([0.0, 0, 0, 1]))), "m")


# -- the harness applies it ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("curate", "said"),
    [
        (lambda arrivals, ctx: arrivals.select(torch.tensor([], dtype=torch.int64)), "empty corpus"),
        (lambda arrivals, ctx: arrivals.with_weights(torch.full((len(arrivals),), torch.nan)), "weights"),
        (lambda arrivals, ctx: arrivals.with_columns(x=arrivals["x"] * torch.inf), "not finite"),
        (lambda arrivals, ctx: Corpus({"x": arrivals["x"].float()}), "Columns, types|where the task's examples"),
        (lambda arrivals, ctx: arrivals["x"], "not a Corpus"),
    ],
)
def test_what_a_method_returns_is_checked(run, curate, said):
    with pytest.raises(PluginError, match=said):
        run(curate)


def test_a_corpus_that_memory_cannot_hold_is_refused(run):
    with pytest.raises(LimitExceeded, match="returned 12 rows"):
        run(lambda arrivals, ctx: Corpus.concat([arrivals] * 3), rules={"limits": {"corpus_bytes": 64}})


@pytest.mark.parametrize(
    "write",
    [
        lambda arrivals, ctx: arrivals["x"].add_(1),
        lambda arrivals, ctx: arrivals["x"].__setitem__(0, 9.0),
        lambda arrivals, ctx: ctx.history[0]["x"].zero_(),
    ],
)
def test_writing_into_the_input_is_noticed(run, write):
    def curate(arrivals, ctx):
        write(arrivals, ctx)
        return arrivals

    with pytest.raises(PluginError, match="Method 'given' changed its input in place"):
        run(curate, access=["history"])


def test_a_sampler_that_delivers_too_little_is_named(run, toy):
    class Lazy(Mean):
        def sample(self, n, rng, decoding, conditions=None):
            return super().sample(n - 1, rng, decoding)

    class LazyTask(toy.Toy):
        def learner(self, rng):
            return Lazy()

    with pytest.raises(PluginError, match="Task 'toy' sampled 3 examples, not 4"):
        run(lambda arrivals, ctx: arrivals, task=LazyTask())


def test_a_decoding_that_the_task_cannot_do_is_refused(make_cell, toy):
    from dataclasses import replace

    from collapsebench import Decoding

    class Nucleus(toy.Fail):
        def decoding(self, t):
            return Decoding(top_p=0.5)

    cell = replace(make_cell(), method=Nucleus(), task=toy.Toy(bare=True))
    with pytest.raises(PluginError, match="cannot sample with top_p"):
        list(Lineage(cell, None).generations())


def test_an_evaluation_without_the_primary_metric_is_refused(run, toy):
    class Forgetful(toy.Toy):
        def evaluate(self, learner, start, rng):
            return {"rows": 4.0}

    with pytest.raises(PluginError, match="did not return its primary metric 'error'"):
        run(lambda arrivals, ctx: arrivals, task=Forgetful())


def test_a_metric_that_the_card_does_not_describe_is_refused(run, toy):
    class Talkative(toy.Toy):
        def evaluate(self, learner, start, rng):
            return {**super().evaluate(learner, start, rng), "colour": 1.0}

    with pytest.raises(PluginError, match="returned colour, which its card does not describe"):
        run(lambda arrivals, ctx: arrivals, task=Talkative())


def test_a_primary_metric_that_is_not_finite_means_divergence(run, toy):
    class NanAt2(toy.Toy):
        def evaluate(self, learner, start, rng):
            metrics = super().evaluate(learner, start, rng)
            return {**metrics, "error": float("nan")} if metrics["error"] == 2 else metrics

    with pytest.raises(Diverged, match="error is nan at generation 2"):
        run(lambda arrivals, ctx: arrivals, task=NanAt2())


def test_a_secondary_metric_may_be_undefined(run, toy):
    class Undefined(toy.Toy):
        def evaluate(self, learner, start, rng):
            return {"error": 0.0, "rows": float("nan")}

    assert len(run(lambda arrivals, ctx: arrivals, task=Undefined())) == 4


# -- what it keeps account of --------------------------------------------------------------------


def test_the_share_of_real_rows_follows_the_rows(run):
    def half_edited(arrivals, ctx):
        if ctx.t == 1:
            return ctx.history[0]
        if ctx.t == 2:
            low = (ctx.previous["x"] < 2.5).unsqueeze(1)  # 1 and 2, which become 3.5
            return ctx.model.resample(ctx.previous, low, Decoding(top_k=1))
        return Corpus.concat([ctx.previous, arrivals])

    shares = [record.real_share for record in run(half_edited, access=["history"])]
    assert shares == [1, 1, 0.5, 0.25]


def test_rows_that_a_method_makes_are_no_models(make_cell):
    lineage = Lineage(make_cell("toy_blend", rules={"n": 4}), None)
    list(islice(lineage.generations(), 2))
    origins = lineage.corpus.value.table.labels.tolist()
    assert set(origins) == {REAL, EDITED, 1}
    assert origins.count(REAL) == 1  # of the two rows of D_0, one was drawn anew


def test_generations_are_trained_from_the_same_start_or_from_the_last_model(make_cell, toy):
    def means(start):
        cell = make_cell("frozen", "toy_sgd", rules={"start": start, "budget": {"steps": 1, "batch": 2}})
        return [record.metrics["error"] for record in Lineage(cell, None).generations()]

    scratch, previous = means("scratch"), means("previous")
    assert scratch[0] == previous[0]
    assert scratch[1:] != previous[1:]


def test_a_loss_weighting_reaches_the_learner(make_cell, toy):
    from dataclasses import replace

    seen = []

    class Watching(SteppedMean):
        def fit(self, corpus, training):
            seen.append(training.site_weights)
            return super().fit(corpus, training)

    class WatchingTask(toy.Toy):
        def learner(self, rng):
            return Watching()

    class Weighting(toy.Fail):
        def site_weights(self, log_probs):
            return log_probs.exp()

    for method in (toy.Fail(at=99), Weighting(at=99)):
        list(Lineage(replace(make_cell(generations=1), task=WatchingTask(), method=method), None).generations())
    assert seen[:3] == [None, None, None]  # both generations of the first, and M_0 of the other
    assert seen[3](torch.zeros(2)).tolist() == [1, 1]


def test_metrics_are_numbers_in_the_record_whatever_the_task_returns(run, toy):
    class Mixed(toy.Toy):
        def evaluate(self, learner, start, rng):
            return {"error": torch.tensor(0.5), "rows": 4}

    (record, *_) = run(lambda arrivals, ctx: arrivals, task=Mixed())
    assert {name: type(value) for name, value in record.metrics.items()} == {"error": float, "rows": float}


def test_a_task_is_prepared_for_its_seed_before_anything_is_drawn(make_cell, toy):
    class Shifted(toy.Toy):
        """The numbers 1..n, shifted by a draw from the stream of D_0."""

        def prepared(self, n, rng):
            task = Shifted()
            object.__setattr__(task, "shift", n + torch.rand(1, generator=rng).item())
            return task

        def real(self, n, rng):
            return Corpus({"x": super().real(n, rng)["x"] + self.shift})

    cells = [make_cell(seed=seed) for seed in (0, 0, 1)]
    firsts = [Lineage(replace(cell, task=Shifted()), None).real(4).value["x"] for cell in cells]
    assert 5 < firsts[0].min() < 6
    assert torch.equal(firsts[0], firsts[1])
    assert not torch.equal(firsts[0], firsts[2])


def test_every_generation_is_evaluated_beside_generation_zero(make_cell, toy):
    class Remembering(toy.Toy):
        def evaluate(self, learner, start, rng):
            return {"error": (learner.mean - start.model.mean).item(), "rows": len(start.corpus)}

    cell = replace(make_cell(), task=Remembering(noise=1.0))
    errors = [record.metrics["error"] for record in Lineage(cell, None).generations()]
    assert errors[0] == 0
    assert all(errors[1:])
