from itertools import islice

import pytest
import torch

from collapsebench import Corpus, Decoding, Method, MethodCard, PluginError
from collapsebench.core.context import desk_of
from collapsebench.core.costs import Costs
from collapsebench.core.errors import AccessDenied, LimitExceeded
from collapsebench.core.method import ACCESSES
from collapsebench.loop.cell import Cell
from collapsebench.loop.lineage import Lineage
from collapsebench.loop.store import Store

EVERYTHING = ACCESSES
ROWS = Corpus({"x": torch.tensor([-1.0, 2.0, 3.0], dtype=torch.float64)})


@pytest.fixture
def ask(toy, make_protocol):
    """`ask(question)` runs a method whose `curate` puts `question(ctx)` to the context of generation t.

    Gives the answer and what it added to the costs.
    """

    def ask(question, access=EVERYTHING, task=None, name="asking", t=1, rules=None, seed=0):
        answers = {}

        class Asking(Method):
            card = MethodCard(title="Asking", access=set(access))

            def curate(self, arrivals, ctx):
                answers[ctx.t] = question(ctx)
                answers["costs"] = desk_of(ctx).costs
                return arrivals

        Asking.name = name
        cell = Cell(make_protocol(rules, generations=t), task or toy.Toy(noise=1.0), Asking(), seed)
        for _ in Lineage(cell, None).generations():
            pass
        return answers[t], answers["costs"]

    return ask


@pytest.fixture
def returning(toy, make_protocol):
    """`returning(curate)`: shares of real and of synthetic rows in a D_t that `curate(arrivals, ctx)` makes."""

    def returning(curate, access=EVERYTHING, task=None, t=1, rules=None):
        class Returning(Method):
            name = "returning"
            card = MethodCard(title="Returning", access=set(access))

        Returning.curate = lambda self, arrivals, ctx: curate(arrivals, ctx)
        Returning.__abstractmethods__ = frozenset()
        cell = Cell(make_protocol(rules, generations=t), task or toy.Toy(noise=1.0), Returning(), 0)
        (*_, last) = Lineage(cell, None).generations()
        return last.real_share, last.synthetic_share

    return returning


@pytest.fixture
def normal(toy):
    """A task with random real rows and noisy models."""

    class Normal(toy.Toy):
        def real(self, n, rng):
            return Corpus({"x": torch.randn(n, generator=rng, dtype=torch.float64)})

    return Normal(noise=1.0)


def test_what_needs_no_access(ask):
    seen, cost = ask(lambda ctx: (ctx.t, ctx.n, len(ctx.pool), len(ctx.candidates(5))), access=())
    assert seen == (1, 4, 8, 5)
    assert cost == Costs(synthetic_examples=1)


# -- metering ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "cost"),
    [
        (lambda ctx: ctx.pool, Costs()),
        (lambda ctx: (ctx.previous, ctx.history), Costs()),
        (lambda ctx: ctx.model.log_prob(ROWS), Costs(scored_tokens=3)),
        (lambda ctx: ctx.model.sites(ROWS), Costs(scored_tokens=3)),
        (
            lambda ctx: ctx.model.resample(ctx.pool.select(torch.arange(3)), torch.ones(3, 1, dtype=torch.bool)),
            Costs(scored_tokens=3),
        ),
        (lambda ctx: ctx.model.generate(5), Costs(synthetic_examples=5)),
        (lambda ctx: ctx.initial_model.sites(ROWS), Costs(scored_tokens=3)),
        (lambda ctx: ctx.prior.log_prob(ROWS), Costs(scored_tokens=3)),
        (lambda ctx: ctx.prior.generate(2), Costs(synthetic_examples=2)),
        (lambda ctx: ctx.fresh_real(2), Costs(real_examples=2)),
        (lambda ctx: (ctx.fresh_real(1), ctx.fresh_real(3)), Costs(real_examples=4)),
        (lambda ctx: ctx.verify(ROWS), Costs(verifier_calls=3)),
        (lambda ctx: ctx.mark(ROWS), Costs(mark_calls=3)),
        (lambda ctx: ctx.reward(ROWS), Costs(reward_calls=3)),
    ],
)
def test_every_access_is_counted(ask, question, cost):
    assert ask(question)[1] == cost


def test_the_record_of_a_generation_adds_all_costs_up(toy, make_cell):
    start, one = islice(Lineage(make_cell("fresh_real", "toy_sgd"), None).generations(), 2)
    # D_0 has 4 rows; 5 steps of 2 rows each; then S_1 of 4 rows, 4 fresh rows and 5 steps more.
    assert start.costs == Costs(real_examples=4, trained_tokens=10, optimizer_steps=5).to_dict()
    assert one.costs == Costs(real_examples=8, synthetic_examples=4, trained_tokens=20, optimizer_steps=10).to_dict()


# -- access --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "access", "question"),
    [
        ("previous", "history", lambda ctx: ctx.previous),
        ("history", "history", lambda ctx: ctx.history),
        ("initial_model", "history", lambda ctx: ctx.initial_model),
        ("fresh_real", "fresh", lambda ctx: ctx.fresh_real(1)),
        ("trusted", "history", lambda ctx: ctx.trusted),
        ("mark", "mark", lambda ctx: ctx.mark(ROWS)),
        ("verify", "verifier", lambda ctx: ctx.verify(ROWS)),
        ("reward", "reward", lambda ctx: ctx.reward(ROWS)),
        ("prior", "prior", lambda ctx: ctx.prior),
    ],
)
def test_undeclared_access_is_refused_by_name(ask, attribute, access, question):
    declared = [other for other in EVERYTHING if other != access]
    with pytest.raises(AccessDenied) as error:
        ask(question, access=declared, name="sneaky")
    assert error.value.message == f"Method 'sneaky' used ctx.{attribute} without declaring access '{access}'."
    assert f"access={{'{access}'}}" in error.value.hint
    ask(question, access=[access])


# -- what it gives -------------------------------------------------------------------------------


def test_history_is_d0_and_every_synthetic_set(ask, toy):
    history, _ = ask(lambda ctx: [sorted(corpus["x"].tolist()) for corpus in ctx.history], task=toy.Toy(), t=2)
    assert history == [[1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 6]]


def test_previous_is_d0_at_first_and_then_what_the_method_made(ask, toy):
    def question(ctx):
        return sorted(ctx.previous["x"].tolist())

    assert ask(question, task=toy.Toy(), t=1)[0] == [1, 2, 3, 4]
    assert ask(question, task=toy.Toy(), t=2)[0] == [2, 3, 4, 5]


def test_the_pool_is_everything_so_far_in_an_order_that_hides_the_origin(ask, toy):
    pool, _ = ask(lambda ctx: ctx.pool, task=toy.Toy(drift=100), rules={"n": 50})
    assert sorted(pool["x"].tolist()) == [*range(1, 51), *range(101, 151)]
    assert 10 < (pool["x"][:50] > 100).sum() < 40


def test_the_pool_has_one_order_even_where_a_task_hands_out_shuffled_rows(make_protocol, toy, tmp_path):
    """A corpus read back from the store has its rows in order; one fresh from the task may be lazily shuffled."""

    class Shuffling(toy.ToySgd):
        def real(self, n, rng):
            return super().real(n, rng).shuffled(5)

    pools = []

    class Pooling(Method):
        name = "pooling"
        card = MethodCard(title="Pooling")

        def params(self):
            return {}

        def curate(self, synthetic, ctx):
            pools.append(ctx.pool["x"].tolist())
            return synthetic

    protocol = make_protocol({"n": 20}, generations=1)
    store = Store(tmp_path)
    next(Lineage(Cell(protocol, Shuffling(), Pooling(), 0), store).generations())
    for where in (store, None):
        list(Lineage(Cell(protocol, Shuffling(), Pooling(), 0), where).generations())
    assert pools[0] == pools[1]


def test_models_answer_for_the_generation_they_name(ask, toy):
    at = Corpus({"x": torch.tensor([3.5], dtype=torch.float64)})
    question = lambda ctx: [m.log_prob(at).item() for m in (ctx.model, ctx.initial_model, ctx.prior)]  # noqa: E731
    answer, _ = ask(question, task=toy.Toy(), t=2)
    assert answer == [0, -1, -(96.5**2)]


def test_asking_a_model_twice_gives_new_examples(ask):
    for model in ("model", "initial_model", "prior"):
        (first, second), _ = ask(lambda ctx, m=model: [getattr(ctx, m).generate(3)["x"].tolist() for _ in "ab"])
        assert first != second, model


def test_extra_candidates_count_as_synthetic_and_fresh_rows_as_real(returning):
    assert returning(lambda arrivals, ctx: ctx.model.generate(2)) == (0, 1)
    assert returning(lambda arrivals, ctx: ctx.fresh_real(2)) == (1, 0)


def test_logged_numbers_stand_in_the_record(make_cell):
    start, one = islice(Lineage(make_cell("toy_blend"), None).generations(), 2)
    assert start.log == {}
    assert set(one.log) == {"pool_mean"}


# -- fresh draws ---------------------------------------------------------------------------------


def test_fresh_draws_never_repeat_d0_nor_each_other(ask, normal):
    """A repeated draw would show as an equal number."""

    def question(ctx):
        drawn[ctx.t] = [*ctx.fresh_real(1)["x"].tolist(), *ctx.fresh_real(3)["x"].tolist()]
        return ctx.history[0]["x"].tolist()

    drawn = {}
    first, _ = ask(question, task=normal, t=3)
    values = [*first, *drawn[1], *drawn[2], *drawn[3]]
    assert len(set(values)) == 16


def test_a_finite_population_is_handed_out_once(ask, toy):
    def question(ctx):
        drawn[ctx.t] = [*ctx.fresh_real(1)["x"].tolist(), *ctx.fresh_real(2)["x"].tolist()]
        return ctx.history[0]["x"].tolist()

    drawn = {}
    first, _ = ask(question, task=toy.ToyFinite(), t=2, rules={"n": 3})
    assert len({*first, *drawn[1], *drawn[2]}) == 9


def test_a_finite_population_that_runs_out_says_so(ask, toy):
    with pytest.raises(LimitExceeded, match="Task 'toy_finite' has 10 real examples, 12 were asked for"):
        ask(lambda ctx: ctx.fresh_real(4), task=toy.ToyFinite(), t=2)


# -- limits --------------------------------------------------------------------------------------


def test_fresh_real_data_are_limited_per_generation(ask):
    with pytest.raises(LimitExceeded, match="asked for 5 fresh real examples in generation 1; the protocol allows 4"):
        ask(lambda ctx: (ctx.fresh_real(3), ctx.fresh_real(2)))
    ask(lambda ctx: ctx.fresh_real(4), t=2)  # each generation has its own allowance


def test_candidates_are_limited_over_all_models(ask):
    rules = {"limits": {"candidates": 2}}
    ask(lambda ctx: ctx.model.generate(8), rules=rules)
    with pytest.raises(LimitExceeded, match="9 extra candidates"):
        ask(lambda ctx: (ctx.model.generate(8), ctx.prior.generate(1)), rules=rules)


@pytest.mark.parametrize("k", [0, -1])
def test_asking_for_nothing_is_refused(ask, k):
    with pytest.raises(PluginError, match=f"asked for {k} fresh real examples"):
        ask(lambda ctx: ctx.fresh_real(k))


def test_a_decoding_that_the_task_would_ignore_is_refused(ask, toy):
    with pytest.raises(PluginError, match="Task 'toy' cannot sample with top_k"):
        ask(lambda ctx: ctx.model.generate(1, Decoding(top_k=2)), task=toy.Toy(bare=True))
    ask(lambda ctx: ctx.model.generate(1, Decoding(top_k=2)))


# -- the verifier --------------------------------------------------------------------------------


def test_a_perfect_verifier_keeps_what_is_right(ask):
    assert ask(lambda ctx: ctx.verify(ROWS).tolist())[0] == [False, True, False]  # even numbers


def noisy(**errors):
    return {"worlds": {"preserve": errors}}


def test_phi_and_psi_are_the_shares_of_right_and_wrong_rows_kept(ask):
    rows = Corpus({"x": torch.arange(8000, dtype=torch.float64)})  # even ones are right
    kept, _ = ask(lambda ctx: ctx.verify(rows), rules=noisy(phi=0.9, psi=0.2))
    assert kept[::2].double().mean().item() == pytest.approx(0.9, abs=0.02)
    assert kept[1::2].double().mean().item() == pytest.approx(0.2, abs=0.02)


def test_marks_err_at_the_rates_of_the_world(ask, normal):
    def question(ctx):
        return [ctx.mark(corpus).double().mean().item() for corpus in ctx.history]

    (real, made), cost = ask(question, task=normal, rules={"n": 4000, **noisy(missed=0.2, false_alarm=0.05)})
    assert real == pytest.approx(0.05, abs=0.015)
    assert made == pytest.approx(0.8, abs=0.03)
    assert cost == Costs(mark_calls=8000)


# -- common random numbers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        lambda ctx: ctx.fresh_real(3)["x"].tolist(),
        lambda ctx: ctx.model.generate(3)["x"].tolist(),
        lambda ctx: ctx.pool["x"].tolist(),
        lambda ctx: torch.rand(3, generator=ctx.rng).tolist(),
        lambda ctx: ctx.history[-1]["x"].tolist(),
        lambda ctx: ctx.verify(Corpus({"x": torch.arange(0.0, 100.0, 2.0)})).tolist(),
        lambda ctx: ctx.mark(ctx.pool).tolist(),
    ],
)
def test_draws_are_the_same_whatever_the_method_and_differ_between_seeds(ask, normal, question):
    rules = {"n": 20, **noisy(phi=0.5)}
    ours, theirs = (ask(question, task=normal, name=name, rules=rules)[0] for name in ("ours", "theirs"))
    assert ours == theirs
    assert ask(question, task=normal, seed=1, rules=rules)[0] != ours


def test_what_a_method_draws_does_not_move_what_the_harness_draws(ask):
    def greedy(ctx):
        torch.rand(100, generator=ctx.rng)
        ctx.model.generate(3)
        return ctx.history[-1]["x"].tolist()

    assert ask(greedy, t=2)[0] == ask(lambda ctx: ctx.history[-1]["x"].tolist(), t=2)[0]


# -- candidates ----------------------------------------------------------------------------------


def test_candidates_are_s_t_and_as_many_more_as_are_missing(ask, toy):
    few, cost = ask(lambda ctx: ctx.candidates(3)["x"].tolist(), task=toy.Toy())
    assert (sorted(few), cost) == ([2, 3, 4, 5], Costs())
    more, cost = ask(lambda ctx: ctx.candidates(6), task=toy.Toy())
    assert (len(more), cost) == (6, Costs(synthetic_examples=2))
    assert sorted(more["x"][:4].tolist()) == [2, 3, 4, 5]
