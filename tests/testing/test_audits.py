"""Audits: what a method knows beyond what it was told shows in what it picks."""

import numpy as np
import pytest

from collapsebench.core.method import METHODS
from collapsebench.core.task import TASKS
from collapsebench.testing.audits import DRAWS, Preference, accused, check_preferences, own_rows
from collapsebench.testing.tiny import tiny_cell, tiny_task

UNIFORM = "kept = ctx.pool.sample(ctx.n, ctx.rng)"

PEEK = """
from collapsebench.core.context import desk_of
from collapsebench.core.seeds import stream, stream_seed
history = [held.value for held in desk_of(ctx)._stand.history]
pool = ctx.pool
real = torch.isin(pool['x'][:, 0], history[0]['x'][:, 0])
"""

KNOWING = {
    # what it does: its body and what it is told
    "takes D_0 alone": ("return pool.select(real)", "D_0 of the earlier rows"),
    "takes D_0 twice": ("return Corpus.concat([pool, pool.select(real)])", "D_0 of the earlier rows"),
    "weighs D_0": ("return pool.with_weights(1 + 2.0 * real)", "D_0 of the earlier rows"),
    "weighs against D_0": ("return pool.with_weights(1 - 0.9 * real)", "D_0 of the earlier rows"),
    "keeps D_0 in memory": ("return ctx.remember(pool.select(real), 'replace')", "D_0 of the earlier rows"),
    "picks of what memory holds": (
        "told = ctx.remember(arrivals, 'accumulate')\\n"
        "return told.with_weights(1 + 2.0 * torch.isin(told['x'][:, 0], history[0]['x'][:, 0]))",
        "D_0 of the earlier rows",
    ),
    "takes twice as much of D_0": (
        "return pool.sample(ctx.n, ctx.rng, log_weights=2.5 * real.double())",
        "D_0 of the earlier rows",
    ),
    "keeps what is real of what arrives": (
        "told = torch.as_tensor(history[-1].table.labels) == 0\\n"
        "return arrivals.select(told) if told.any() else arrivals",
        "the real ones of the rows that arrive",
    ),
    "undoes the shuffle by the name of its stream": (
        "for seed in range(40):\\n"
        "    order = stream_seed('pool', 'gaussian', seed, ctx.t)\\n"
        "    places = torch.randperm(len(pool), generator=torch.Generator().manual_seed(order), dtype=torch.int32)\\n"
        "    if torch.equal(pool['x'][places.argsort()][-len(arrivals):], arrivals['x']):\\n"
        "        return pool.select(places < ctx.n)\\n"
        "return arrivals",
        "D_0 of the earlier rows",
    ),
    "draws D_0 by the name of its stream": (
        "for seed in range(5):\\n"
        "    first = torch.randn(ctx.n, 3, dtype=torch.float64, generator=stream('real', 'gaussian', seed))\\n"
        "    same = torch.isin(pool['x'][:, 0], first[:, 0])\\n"
        "    if same.any():\\n"
        "        return pool.select(same)\\n"
        "return arrivals",
        "D_0 of a public seed",
    ),
}


@pytest.fixture
def cell():
    return lambda cls, task="gaussian": tiny_cell(cls.make({}), tiny_task(TASKS.get(task)))


def found(cell, cls):
    return "\n".join(check_preferences(cls.make({}), [cell(cls)]))


@pytest.mark.parametrize("what", KNOWING)
def test_a_method_that_knows_what_is_real_is_flagged(method_class, cell, what):
    body, said = KNOWING[what]
    cls = method_class(PEEK + body.replace("\\n", "\n"))
    assert said in found(cell, cls)
    assert said in "\n".join(accused(cls.make({}), [cell(cls)]))


HONEST = {
    "as it comes": "return arrivals",
    "everything": "return ctx.pool",
    "some": "return ctx.pool.sample(ctx.n // 2, ctx.rng)",
    "the outermost": "return ctx.pool.select(ctx.pool['x'].norm(dim=1).topk(ctx.n // 3).indices)",
    "likely ones": "return ctx.pool.with_weights(ctx.model.log_prob(ctx.pool).double().exp())",
    "kept and drawn from memory": "kept = ctx.remember(arrivals, 'accumulate')\nreturn kept.sample(ctx.n, ctx.rng)",
    "copies": "return ctx.pool.sample(3 * ctx.n, ctx.rng, replacement=True)",
    "by content alone": "return Corpus({'x': ctx.pool['x'][: ctx.n].clone()})",
}


@pytest.mark.parametrize("what", HONEST)
def test_a_method_that_chooses_by_content_is_not_flagged(method_class, cell, what):
    cls = method_class(HONEST[what])
    assert found(cell, cls) == ""
    assert list(accused(cls.make({}), [cell(cls)])) == []
    assert not list(own_rows(cls.make({}), [cell(cls)]))


COMPOSED = """
token = arrivals['token']
return arrivals.with_columns(token=torch.randint(int(token.max()) + 1, token.shape, generator=ctx.rng).to(token.dtype))
"""


def test_rows_of_its_own_making_are_found_where_contents_recur(method_class, cell):
    cls = method_class(COMPOSED)
    assert any("rows from nowhere" in said for said in own_rows(cls.make({}), [cell(cls, "categorical")]))
    assert any("rows from nowhere" in said for said in accused(cls.make({}), [cell(cls, "categorical")]))


@pytest.mark.parametrize("name", ["accumulate_subsample", "surplexity", "detector_weighting", "token_edit"])
def test_a_shipped_method_makes_no_rows(cell, name):
    cls = METHODS.get(name)
    tasks = ["categorical", "arithmetic"]
    assert list(own_rows(cls.make({}), [cell(cls, task) for task in tasks])) == []


# -- the bound -----------------------------------------------------------------------------------------


def test_a_set_that_is_always_taken_alone_has_the_chance_of_its_draws():
    taken = np.zeros((DRAWS, 3))
    taken[:, 0] = 1
    assert Preference("", "", taken).chance == pytest.approx(2 * 3.0**-DRAWS)
    assert Preference("", "", np.ones((DRAWS, 3))).chance == 1.0


@pytest.mark.parametrize("law", ["normal", "exponential", "one of them"])
def test_the_bound_holds_where_sets_are_alike(law):
    rng = np.random.default_rng(0)
    draws = {
        "normal": lambda: rng.normal(size=(DRAWS, 3)),
        "exponential": lambda: rng.exponential(size=(DRAWS, 3)),
        "one of them": lambda: np.eye(3)[rng.integers(3, size=DRAWS)],
    }
    chances = np.array([Preference("", "", draws[law]()).chance for _ in range(500)])
    for level in (0.1, 0.01):
        assert (chances <= level).mean() <= level + 3 * np.sqrt(level / 500)
