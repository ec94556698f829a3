"""The harness knows the rows of D_t by their content; the shares that it reports cannot be claimed."""

import math
from itertools import islice

import pytest
import torch

from collapsebench import Corpus, Method, MethodCard, PluginError
from collapsebench.core.block import Block
from collapsebench.core.context import desk_of
from collapsebench.core.corpus import corpus_of, of_origin, real_share
from collapsebench.core.errors import AccessDenied, LimitExceeded
from collapsebench.core.method import ACCESSES
from collapsebench.loop.cell import Cell
from collapsebench.loop.lineage import Lineage
from collapsebench.loop.plugins import make_method, make_task
from collapsebench.loop.protocol import single_task
from collapsebench.loop.store import Store
from collapsebench.testing import Toy
from collapsebench.testing.toy import EditableMean

N = 8


@pytest.fixture
def lineage(make_protocol):
    """The lineage of a method given as a function, on numbers 1..8 and models that are 100 higher, not yet run."""

    def lineage(curate, access=ACCESSES, world="preserve", task=None, store=None, **errors):
        class Given(Method):
            name = "given"
            card = MethodCard(title="Given", access=set(access))

        Given.curate = lambda self, arrivals, ctx: curate(arrivals, ctx)
        Given.__abstractmethods__ = frozenset()
        rules = {"n": N, "worlds": {world: errors}, "limits": {"candidates": 1000}}
        protocol = make_protocol(rules, generations=3)
        return Lineage(Cell(protocol, task or Toy(drift=100.0), Given(), 0, world), store)

    return lineage


@pytest.fixture
def shares(lineage):
    """`shares(curate)`: the shares of real and of synthetic rows in generation t."""

    def shares(curate, t=1, **keywords):
        record = next(islice(lineage(curate, **keywords).generations(), t, None))
        return record.real_share, record.synthetic_share

    return shares


def rebuilt(corpus, shift=0.0):
    """The same numbers in a corpus that the harness never saw."""
    return Corpus({"x": corpus["x"] + shift})


def relabelled(rows, labels):
    """Rows under other rows' tickets."""
    return corpus_of((Block(rows.columns, None, labels.table.labels, len(rows)),))


# -- by content ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("curate", "expected"),
    [
        (lambda a, ctx: a, (0, 1)),
        (lambda a, ctx: ctx.trusted, (1, 0)),
        (lambda a, ctx: ctx.pool, (0.5, 0.5)),
        (lambda a, ctx: ctx.previous, (1, 0)),
        (lambda a, ctx: rebuilt(ctx.trusted), (1, 0)),
        (lambda a, ctx: rebuilt(a), (0, 1)),
        (lambda a, ctx: relabelled(ctx.trusted, a), (1, 0)),
        (lambda a, ctx: relabelled(a, ctx.trusted), (0, 1)),
        (lambda a, ctx: of_origin(rebuilt(ctx.trusted), 3), (1, 0)),
        (lambda a, ctx: Corpus.concat([ctx.trusted, a, rebuilt(a), rebuilt(ctx.trusted)]), (0.5, 0.5)),
        (lambda a, ctx: Corpus.concat([a, ctx.trusted]).shuffled(1), (0.5, 0.5)),
        (lambda a, ctx: Corpus.concat([a, ctx.trusted]).sample(16, ctx.rng), (0.5, 0.5)),
        (lambda a, ctx: ctx.pool.select(ctx.pool["x"] < 50), (1, 0)),
        (lambda a, ctx: ctx.model.generate(3), (0, 1)),
        (lambda a, ctx: ctx.fresh_real(3), (1, 0)),
        (lambda a, ctx: rebuilt(ctx.model.generate(3)), (0, 1)),
        (lambda a, ctx: ctx.history[1].with_weights(torch.ones(N)), (0, 1)),
    ],
)
def test_rows_are_what_their_content_says(shares, curate, expected):
    assert shares(curate) == expected


class Mine(Corpus):
    """What a plug-in may make of a corpus."""


@pytest.mark.parametrize(
    ("curate", "nowhere"),
    [
        (lambda a, ctx: rebuilt(ctx.trusted, 1e-9), "8 of 8"),
        (lambda a, ctx: ctx.trusted.with_columns(x=ctx.trusted["x"] + 1e-9), "8 of 8"),
        (lambda a, ctx: relabelled(rebuilt(a, 0.5), ctx.trusted), "8 of 8"),
        (lambda a, ctx: of_origin(rebuilt(a, 0.5), 0), "8 of 8"),
        (lambda a, ctx: Corpus.concat([a, rebuilt(a.select(torch.tensor([0])), 0.5)]), "1 of 1"),
        (lambda a, ctx: ctx.remember(rebuilt(a, 0.5), "accumulate"), "8 of 8"),
        (lambda a, ctx: ctx.model.resample(rebuilt(a, 0.5), torch.zeros(N, 1, dtype=torch.bool)), "8 of 8"),
        (lambda a, ctx: ctx.model.resample(relabelled(rebuilt(a, 0.5), ctx.trusted), torch.ones(N, 1) > 0), "8 of 8"),
    ],
)
def test_rows_from_nowhere_fail_the_cell(shares, curate, nowhere):
    with pytest.raises(PluginError, match=f"{nowhere} rows from nowhere"):
        shares(curate)


def test_a_subclass_of_corpus_is_refused(shares):
    with pytest.raises(PluginError, match="returned Mine, not a Corpus"):
        shares(lambda a, ctx: Mine(a.columns))


def test_what_is_written_after_it_was_returned_changes_nothing(lineage):
    kept = []

    def curate(arrivals, ctx):
        for column in kept:
            column.numpy()[:] = -7.0
        assert -7.0 not in ctx.previous["x"].tolist()
        kept.append(arrivals["x"].clone())
        return Corpus({"x": kept[-1]})

    assert len(list(lineage(curate).generations())) == 4


def test_rows_without_weight_count_nothing(shares):
    def curate(arrivals, ctx):
        return ctx.pool.with_weights((ctx.pool["x"] < 50).double())

    assert shares(curate) == (1, 0)


def test_rows_that_a_model_edits_are_neither_and_those_it_leaves_stay(shares):
    def curate(arrivals, ctx):
        mask = (ctx.trusted["x"] > 6).unsqueeze(1)
        return ctx.initial_model.resample(ctx.trusted, mask)

    assert shares(curate) == (0.75, 0)


def test_what_was_kept_from_an_earlier_generation_is_known_by_content(shares):
    held = []

    def curate(arrivals, ctx):
        held.extend([ctx.trusted, ctx.pool, arrivals])
        return Corpus.concat(held[:1] + held[2:3])

    assert shares(curate, t=3) == (0.5, 0.5)


def test_rows_of_another_cell_are_not_real_here(shares, lineage):
    """As they would be if a method handed D_0 of one seed on to another one by way of a module."""
    held = []
    list(islice(lineage(lambda arrivals, ctx: held.append(ctx.trusted) or arrivals).generations(), 2))

    class Higher(Toy):
        def real(self, n, rng):
            return super().real(n, rng).with_columns(x=50.5 + torch.arange(n).double())

    with pytest.raises(PluginError, match="8 of 8 rows from nowhere"):
        shares(lambda arrivals, ctx: held[0], task=Higher())


def test_a_ticket_of_no_row_is_none(shares):
    def curate(arrivals, ctx):
        tickets = [desk_of(ctx).handed.tickets.made(source, torch.arange(N) + 10**6) for source in (0, 10**6)]
        parts = [Block(rebuilt(arrivals, 0.5).columns, None, labels, N) for labels in tickets]
        with pytest.raises(PluginError, match="rows from nowhere"):
            desk_of(ctx).returned(corpus_of(parts))
        return corpus_of([Block(rebuilt(ctx.trusted).columns, None, tickets[0], N)])

    assert shares(curate) == (1, 0)


def test_what_a_model_left_alone_is_no_memory_that_a_method_can_write_to(lineage):
    class Lazy(EditableMean):
        def resample(self, corpus, mask, rng, decoding):
            return corpus

    class LazyTask(Toy):
        def learner(self, rng):
            return Lazy(drift=100.0)

    def curate(arrivals, ctx):
        rows = ctx.pool.select(torch.arange(N))
        edited = ctx.model.resample(rows, torch.zeros(N, 1, dtype=torch.bool))
        before = rows["x"].clone()
        rows["x"].numpy()[:] = ctx.trusted["x"].numpy()
        assert torch.equal(edited["x"], before)
        return edited

    assert len(list(lineage(curate, task=LazyTask()).generations())) == 4


def test_an_edited_row_stays_edited_and_a_synthetic_one_bears_its_generation(lineage):
    def curate(arrivals, ctx):
        whole = torch.ones(N, 1, dtype=torch.bool)
        return Corpus.concat([ctx.previous, arrivals]) if ctx.t > 1 else ctx.model.resample(ctx.trusted, whole)

    cell = lineage(curate)
    list(cell.generations())
    assert cell.corpus.value.table.labels.tolist() == [-1] * N + [2] * N + [3] * N


CATEGORICAL = single_task("categorical", generations=3, n=200, params={"contexts": 2, "tokens": 4, "support": 3})


@pytest.mark.parametrize(
    ("method", "real"),
    [("replace", [1, 0, 0, 0]), ("frozen", [1, 1, 1, 1]), ("accumulate", [1, 1 / 2, 1 / 3, 1 / 4])],
)
def test_equal_content_does_not_make_a_synthetic_row_real(method, real):
    task = make_task("categorical", CATEGORICAL.rules("categorical").params)
    records = list(Lineage(Cell(CATEGORICAL, task, make_method(method, {}), 0, "preserve"), None).generations())
    assert [record.real_share for record in records] == pytest.approx(real)
    assert [record.synthetic_share for record in records] == pytest.approx([1 - share for share in real])


def test_a_subsample_of_equal_contents_has_the_share_that_was_drawn():
    task = make_task("categorical", CATEGORICAL.rules("categorical").params)
    records = list(
        Lineage(Cell(CATEGORICAL, task, make_method("accumulate_subsample", {}), 0, "preserve"), None).generations()
    )
    for t, record in enumerate(records[1:], start=1):
        assert record.real_share == pytest.approx(1 / (t + 1), abs=4 * math.sqrt(0.25 / 200))
        assert record.real_share + record.synthetic_share == pytest.approx(1)


# -- the same answer whenever it is asked for ----------------------------------------------------


ERRORS = {"phi": 0.5, "psi": 0.5, "missed": 0.5, "false_alarm": 0.5}


@pytest.mark.parametrize("asked", ["mark", "verify"])
def test_a_row_has_one_answer_by_whatever_way_it_comes(lineage, asked):
    answers = []

    def curate(arrivals, ctx):
        ask = getattr(ctx, asked)
        ways = [ctx.pool, rebuilt(ctx.pool), ctx.pool.shuffled(1), Corpus.concat(ctx.history), ctx.previous]
        for rows in (*ways, *ways):
            answers.append(dict(zip(rows["x"].tolist(), ask(rows).tolist(), strict=True)))
        return ctx.pool

    list(lineage(curate, task=Toy(drift=100.0, noise=1.0), **ERRORS).generations())
    everything = {}
    for answer in answers:
        for row, said in answer.items():
            assert everything.setdefault(row, said) == said
    assert 0.2 < sum(everything.values()) / len(everything) < 0.8


def test_equal_rows_have_answers_of_their_own(lineage):
    """Of 8 rows of one content some are marked, some not."""

    class Same(Toy):
        def real(self, n, rng):
            return Corpus({"x": torch.ones(n, dtype=torch.float64)})

    said = []

    def curate(arrivals, ctx):
        said.append(ctx.mark(ctx.trusted))
        return ctx.trusted

    list(lineage(curate, task=Same(), **ERRORS).generations())
    assert 0 < said[0].sum() < N
    assert torch.equal(said[0], said[1])


def test_without_errors_marks_and_verdicts_are_the_truth(lineage):
    def curate(arrivals, ctx):
        assert torch.equal(ctx.mark(ctx.pool), ctx.pool["x"] > 50)
        assert torch.equal(ctx.verify(ctx.pool), ctx.pool["x"].round() % 2 == 0)
        return arrivals

    assert len(list(lineage(curate, missed=0.0, false_alarm=0.0).generations())) == 4


def test_a_changed_row_gets_no_second_look(lineage):
    """Marks of real rows with noise say synthetic, so that they tell nothing about the rows themselves."""

    def curate(arrivals, ctx):
        assert ctx.mark(rebuilt(ctx.pool, 1e-9)).all()
        return arrivals

    list(lineage(curate, missed=0.0, false_alarm=0.0).generations())


# -- memory --------------------------------------------------------------------------------------


def keeping(memory, kept=lambda arrivals: arrivals.select(torch.arange(2))):
    return lambda arrivals, ctx: ctx.remember(kept(arrivals), memory)


@pytest.mark.parametrize(
    ("memory", "rows", "real"),
    [("replace", 2, 0), ("anchored", 10, 8 / 10), ("accumulate", 14, 8 / 14), ("subsample", 8, None)],
)
def test_what_kept_rows_are_trained_with(lineage, memory, rows, real):
    cell = lineage(keeping(memory))
    (*_, last) = cell.generations()
    assert last.rows == rows
    if real is not None:
        assert (last.real_share, last.synthetic_share) == pytest.approx((real, 1 - real))


def test_a_subsample_is_drawn_from_d0_and_all_that_was_kept(lineage):
    cell = lineage(keeping("subsample", lambda arrivals: arrivals))
    (*_, last) = cell.generations()
    assert last.rows == N
    kept = cell.corpus.value.kept
    assert len(kept) == 3 * N and real_share(kept) == 0
    everything = {*range(1, N + 1), *kept["x"].tolist()}
    assert set(cell.corpus.value["x"].tolist()) <= everything


def test_what_is_remembered_stands_in_no_telling_order(lineage):
    orders = []

    def curate(arrivals, ctx):
        remembered = ctx.remember(arrivals, "accumulate")
        orders.append((remembered["x"] < 50).tolist())
        return remembered

    list(lineage(curate).generations())
    assert all(order != sorted(order, reverse=True) and order != sorted(order) for order in orders)


def test_memory_outlives_generations_without_a_call_and_the_process(lineage, tmp_path):
    def curate(arrivals, ctx):
        return arrivals if ctx.t == 2 else ctx.remember(arrivals.select(torch.arange(ctx.t)), "accumulate")

    whole = list(lineage(curate, task=Toy(drift=100.0, stepped=True)).generations())
    store = Store(tmp_path)
    list(islice(lineage(curate, task=Toy(drift=100.0, stepped=True), store=store).generations(), 3))
    resumed = list(lineage(curate, task=Toy(drift=100.0, stepped=True), store=store).generations())
    assert [record.rows for record in whole] == [N, N + 1, N, N + 1 + 3]
    assert [(r.rows, r.real_share, r.metrics) for r in resumed] == [(r.rows, r.real_share, r.metrics) for r in whole]


def test_nothing_kept_leaves_d0_where_the_memory_has_it(shares):
    empty = torch.tensor([], dtype=torch.int64)
    assert shares(keeping("accumulate", lambda arrivals: arrivals.select(empty))) == (1, 0)
    with pytest.raises(PluginError, match="empty corpus"):
        shares(keeping("replace", lambda arrivals: arrivals.select(empty)))


def test_a_memory_needs_a_known_name_and_its_access(shares):
    with pytest.raises(PluginError, match="remembers by 'elephant'"):
        shares(keeping("elephant"))
    with pytest.raises(AccessDenied, match="declaring access 'history'"):
        shares(keeping("anchored"), access=())
    assert shares(keeping("accumulate"), access=()) == (0.8, 0.2)


def test_what_is_kept_is_checked(shares):
    with pytest.raises(PluginError, match="returned float, not a Corpus"):
        shares(lambda arrivals, ctx: ctx.remember(0.5, "accumulate"))


# -- the rest ------------------------------------------------------------------------------------


def test_candidates_are_more_of_the_same_only_where_the_newest_model_fills_the_arrivals(lineage):
    sizes = {}
    for world in ("preserve", "grow", "purify", "purify-outside"):
        cell = lineage(
            lambda arrivals, ctx, w=world: sizes.update({w: len(ctx.candidates(50))}) or arrivals, world=world
        )
        list(islice(cell.generations(), 2))
    assert sizes == {"preserve": 50, "grow": 50, "purify": N, "purify-outside": N}


def test_rows_of_another_shape_in_any_part_are_refused(shares):
    with pytest.raises(PluginError, match="examples are"):
        shares(lambda arrivals, ctx: Corpus({"x": torch.zeros(3, 2, dtype=torch.float64)}))


def test_the_memory_of_a_corpus_is_limited(lineage, make_protocol):
    cell = lineage(lambda arrivals, ctx: Corpus.concat([ctx.pool] * 10))
    cell._sizes = cell._sizes._replace(corpus_bytes=8 * 100)
    with pytest.raises(LimitExceeded, match="returned 160 rows"):
        list(cell.generations())


def test_text_and_features_describe_rows(lineage):
    seen = []

    def curate(arrivals, ctx):
        seen.append((ctx.text(arrivals), ctx.features(arrivals)))
        return arrivals

    list(islice(lineage(curate).generations(), 2))
    (text, features), *_ = seen
    assert len(text) == N and all(line.startswith("x=[") for line in text)
    assert features.shape == (N, 1) and features.mean().abs() < 1e-9


def test_a_desk_is_forgotten_with_its_context(lineage):
    """Nothing that a desk holds leads back to it, so that no rows outlive their generation."""
    import gc
    import weakref

    desks = []

    def curate(arrivals, ctx):
        desks.append(weakref.ref(desk_of(ctx)))
        ctx.pool.sample(3, ctx.rng)
        ctx.mark(ctx.previous)
        return ctx.model.resample(ctx.pool, torch.zeros(len(ctx.pool), 1, dtype=torch.bool))

    gc.disable()
    try:
        list(lineage(curate).generations())
        assert [desk() for desk in desks] == [None] * 3
    finally:
        gc.enable()
