"""What a blind method can reach tells it nothing about which rows are real."""

import pytest
import torch

from collapsebench import Corpus, Method, MethodCard
from collapsebench.core.context import MeteredModel
from collapsebench.core.corpus import blocks_of
from collapsebench.loop.cell import Cell
from collapsebench.loop.lineage import Lineage
from collapsebench.testing import Toy

N = 400
RULES = {"n": N, "worlds": {"preserve": {}, "purify": {"k": N}}}


@pytest.fixture
def asked(make_protocol):
    """`asked(question, world)`: what `question(ctx)` says in generation 2, asked by a method without any access."""

    def ask(question, world="purify"):
        answers = {}

        class Blind(Method):
            name = "blind"
            card = MethodCard(title="Blind")

            def curate(self, arrivals, ctx):
                answers[ctx.t] = question(ctx)
                return arrivals

        cell = Cell(make_protocol(RULES, generations=2), Toy(drift=10_000.0), Blind(), 0, world)
        list(Lineage(cell, None).generations())
        return answers[2]

    return ask


PLAIN = (str, bytes, int, float, type(None), torch.dtype, torch.Size, torch.Generator)


def followed(root):
    """All that attributes, slots, items and properties lead to from an object, with the way there."""
    seen, found, ahead = set(), [], [(root, "")]
    while ahead:
        thing, way = ahead.pop()
        if id(thing) in seen or isinstance(thing, PLAIN) or callable(thing):
            continue
        seen.add(id(thing))
        found.append((way, thing))
        if isinstance(thing, torch.Tensor):
            ahead += [(thing._base, f"{way}._base")]
        elif isinstance(thing, dict):
            ahead += [(value, f"{way}[{key!r}]") for key, value in thing.items()]
        else:
            if isinstance(thing, (tuple, list, set, frozenset)):
                ahead += [(value, f"{way}[{i}]") for i, value in enumerate(thing)]
            for name in dir(thing):
                try:
                    value = getattr(thing, name)
                except Exception:  # refused for want of access, or a slot that is empty
                    continue
                ahead.append((value, f"{way}.{name}"))
    return found


def told(values, real):
    """How well a number per row tells real rows: |AUC - 1/2|, the largest of its value and of each of its bits."""
    bits = [] if values.is_floating_point() else [(values >> bit & 1).double() for bit in range(63)]
    ranks = values.argsort().argsort().double() / len(values)
    return max(
        abs(test[real].mean() - test[~real].mean()).item() / (2 if test is not ranks else 1) for test in (*bits, ranks)
    )


def things(ctx):
    """Everything that a blind method gets, and what it can make of it."""
    pool = ctx.pool
    made = [pool, ctx.arrivals, pool.select(torch.arange(N)), pool.sample(N, ctx.rng), Corpus.concat([pool, pool])]
    changed = pool.with_columns(x=pool["x"] + torch.arange(len(pool)) % 2 / 4)
    made += [pool.shuffled(3), pool.with_weights(torch.ones(len(pool))), changed, ctx.candidates(2 * N)]
    everything = torch.ones(len(pool), 1, dtype=torch.bool)
    return ctx, made, ctx.model.generate(5), ctx.model.resample(pool, ~everything)


def is_real(x):
    return x < 5000


@pytest.mark.parametrize("world", ["preserve", "purify"])
def test_no_attribute_separates_real_rows_from_synthetic_ones(asked, world):
    found = asked(lambda ctx: followed(things(ctx)), world)
    tables = [thing.table for _, thing in found if isinstance(thing, Corpus)]
    mixed = [table for table in tables if 0 < is_real(table.columns["x"]).sum() < table.rows]
    columns = {id(table.columns["x"]) for table in tables}
    numbers = {id(thing): (way, thing) for way, thing in found if isinstance(thing, torch.Tensor) and thing.dim() == 1}
    checked = [
        (way, told(thing, is_real(table.columns["x"])))
        for table in mixed
        for way, thing in numbers.values()
        if len(thing) == table.rows and id(thing) not in columns
    ]
    assert len(mixed) >= 6 and len(checked) >= len(mixed)  # the labels of each at least
    assert max(checked, key=lambda pair: pair[1])[1] < 0.2


def test_no_object_of_the_harness_is_within_reach(asked):
    found = asked(lambda ctx: followed(things(ctx)))
    harness = [(way, thing) for way, thing in found if type(thing).__module__.startswith("collapsebench.loop")]
    assert harness == []
    kinds = {type(thing).__name__ for _, thing in found if type(thing).__module__.startswith("collapsebench")}
    assert kinds == {"Context", "Sealed", "Corpus", "Block", "MeteredModel"}


def test_a_sealed_corpus_has_one_block_and_no_order(asked):
    for corpus in asked(lambda ctx: [ctx.pool, ctx.arrivals, ctx.model.generate(3)]):
        assert len(blocks_of(corpus)) == len(corpus._blocks) == 1
        assert (corpus._order, corpus._buffer) == (None, None)


def test_what_is_handed_out_shares_no_memory_with_the_harness(make_protocol):
    """In-place writes by way of numpy leave no trace that could be refused; they also change nothing."""

    class Writing(Method):
        name = "writing"
        card = MethodCard(title="Writing", access={"history"})

        def curate(self, arrivals, ctx):
            ctx.trusted["x"].numpy()[:] = 7.0
            ctx.pool["x"].numpy()[:] = 7.0
            return ctx.trusted

    lineage = Lineage(Cell(make_protocol({"n": 4}, generations=2), Toy(), Writing(), 0), None)
    list(lineage.generations())
    assert sorted(lineage.corpus.value["x"].tolist()) == [1, 2, 3, 4]


LEAKS = {
    "blocks": lambda ctx: torch.cat([torch.full((b.rows,), i == 0) for i, b in enumerate(ctx.pool.blocks)]),
    "_blocks": lambda ctx: torch.cat([torch.full((b.rows,), i == 0) for i, b in enumerate(ctx.pool._blocks)]),
    "origin": lambda ctx: ctx.pool.table.origin == 0,
    "labels": lambda ctx: ctx.pool.table.labels == 0,
    "order of labels": lambda ctx: ctx.pool.table.labels.argsort() < N,
    "order": lambda ctx: torch.randperm(len(ctx.pool), generator=torch.Generator().manual_seed(ctx.pool.order)) < N,
    "real_share": lambda ctx: torch.tensor([ctx.pool.select(torch.tensor([i])).real_share() for i in range(N)]) == 1,
    "to_tensors": lambda ctx: ctx.pool.to_tensors()["origin"] == 0,
    "_stand": lambda ctx: torch.isin(ctx.pool["x"], ctx._stand.history[0].value["x"]),
    "_source": lambda ctx: torch.isin(ctx.pool["x"], ctx._source.first()["x"]),
    "_load": lambda ctx: ctx.pool["x"] < ctx.model._load().mean - 5000,
    "plain": lambda ctx: torch.tensor([ctx.pool.select(torch.tensor([i])).plain for i in range(len(ctx.pool))]),
    "places": lambda ctx: ctx.pool.places() < N,
    "taken": lambda ctx: torch.isin(ctx.pool["x"], ctx.pool.taken(torch.arange(N)).columns["x"]),
    "added_since": lambda ctx: torch.isin(ctx.pool["x"], ctx.pool.added_since(ctx.arrivals)["x"]),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_an_old_way_to_tell_real_rows_is_shut(asked, leak):
    def question(ctx):
        try:
            return LEAKS[leak](ctx), is_real(ctx.pool["x"])
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    answer = asked(question)
    assert answer is None or told(answer[0].long(), answer[1]) < 0.2


def test_a_model_answers_without_holding_anything():
    assert [name for name in vars(MeteredModel) if name.startswith("_") and not name.startswith("__")] == []
