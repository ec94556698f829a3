"""What arrives in each world, by hand: real rows are the whole numbers up to 60, generated ones lie above 500."""

from dataclasses import replace
from itertools import islice

import pytest

from collapsebench import Decoding
from collapsebench.core.seeds import stream
from collapsebench.loop.lineage import Lineage
from collapsebench.loop.runner import run_cell
from collapsebench.loop.store import Store
from collapsebench.testing import Toy

FAR = {"params": {"population": 60, "drift": 1000.0}}
ORDER = Toy(population=60).real(60, stream("real", "toy", 0))["x"].tolist()
"""The real numbers in the order of seed 0: D_0 is the first four."""

KINDS = {
    "preserve": {"m": 6},
    "purify": {"k": 6, "alpha": 0.5},
    "purify-outside": {"k": 6, "alpha": 0.5, "generator": {"rows": 2, "temperature": 0.5}},
    "grow": {"m": 6},
    "mix": {"N": 6, "p_2": 0.5, "generator": {"rows": 2, "temperature": 0.5}},
}


@pytest.fixture
def follow(make_cell):
    """The lineage of a cell after its last generation, and its records."""

    def follow(world, method="take_newest", task="toy", generations=2, rules=FAR, store=None, **options):
        cell = make_cell(method, task, generations=generations, rules=rules, world=world, **options)
        lineage = Lineage(cell, store, keep_checkpoints=True)
        return lineage, list(lineage.generations())

    return follow


def arrivals(lineage):
    return [corpus.value["x"].tolist() for corpus in lineage.history[1:]]


def kinds(rows):
    """The real rows, and the generated ones."""
    return [x for x in rows if x < 500], [x for x in rows if x > 500]


def costs(records, *names):
    return [tuple(record.costs[name] for name in names) for record in records]


# -- which rows, and what they cost --------------------------------------------------------------

METERED = ("real_examples", "synthetic_examples")


def test_preserve_is_the_newest_models_samples(follow):
    lineage, records = follow({"preserve": {"m": 6}})
    assert [len(kinds(rows)[0]) for rows in arrivals(lineage)] == [0, 0]
    assert sorted(arrivals(lineage)[0]) == pytest.approx(
        [sum(ORDER[:4]) / 4 + 1000 + i for i in (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)]
    )
    assert costs(records, *METERED) == [(4, 0), (4, 6), (4, 12)]


def test_purify_is_new_real_rows_among_the_newest_models_samples(follow):
    lineage, records = follow({"purify": {"k": 6, "alpha": 0.5}})
    first, second = map(kinds, arrivals(lineage))
    assert (sorted(first[0]), sorted(second[0])) == (sorted(ORDER[4:7]), sorted(ORDER[7:10]))
    assert sorted(first[1]) == pytest.approx([sum(ORDER[:4]) / 4 + 1000 + i for i in (-1, 0, 1)])
    mean = sum(arrivals(lineage)[0]) / 6  # of M_1, which was trained on what arrived
    assert sorted(second[1]) == pytest.approx([mean + 1000 + i for i in (-1, 0, 1)])
    assert costs(records, *METERED) == [(4, 0), (7, 3), (10, 6)]


def test_purify_outside_is_new_real_rows_among_those_of_a_model_of_other_rows(follow):
    lineage, records = follow({"purify-outside": KINDS["purify-outside"]})
    first, second = map(kinds, arrivals(lineage))
    assert (sorted(first[0]), sorted(second[0])) == (sorted(ORDER[4:7]), sorted(ORDER[7:10]))
    mean = sum(ORDER[-2:]) / 2  # of the last rows of the population; samples are half as far apart at T = 0.5
    assert sorted(first[1]) == sorted(second[1]) == pytest.approx([mean + 1000 + i for i in (-0.5, 0, 0.5)])
    assert costs(records, *METERED, "trained_tokens") == [(4, 0, 4), (7, 3, 10), (10, 6, 16)]


def test_grow_is_five_times_n_samples_of_the_newest_model(follow):
    lineage, records = follow("grow", "accumulate")
    assert [len(rows) for rows in arrivals(lineage)] == [20, 20]
    assert [len(kinds(rows)[0]) for rows in arrivals(lineage)] == [0, 0]
    assert costs(records, *METERED) == [(4, 0), (4, 20), (4, 40)]
    assert [record.rows for record in records] == [4, 24, 44]


def test_mix_arrives_once(follow):
    lineage, records = follow({"mix": {"N": 10, "p_2": 0.2, "generator": {"rows": 2}}}, "accumulate", generations=5)
    [(real, generated)] = map(kinds, arrivals(lineage))
    assert (sorted(real), len(generated)) == (sorted(ORDER[4:12]), 2)
    assert costs(records, *METERED) == [(4, 0), (12, 2)]


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("kind", ["purify", "purify-outside"])
def test_all_or_nothing_that_arrives_may_be_real(follow, kind, alpha):
    lineage, records = follow({kind: {"k": 6, "alpha": alpha}})
    assert [len(kinds(rows)[0]) for rows in arrivals(lineage)] == [6 * alpha] * 2
    assert costs(records, *METERED)[-1] == (4 + 12 * alpha, 12 - 12 * alpha)


def test_the_learning_curve_is_read_off_a_cell(follow):
    def error(rows):
        return abs(sum(ORDER[:rows]) / rows - sum(ORDER[:4]) / 4)

    _, records = follow("curve")
    sizes = [4, 2, 8, 16, 32]  # n, and around it what has two rows and is within the population
    assert [record.rows for record in records] == sizes
    assert [record.metrics["error"] for record in records] == pytest.approx([error(rows) for rows in sizes])
    assert costs(records, *METERED, "trained_tokens") == [(4, 0, 4), (4, 0, 6), (8, 0, 14), (16, 0, 30), (32, 0, 62)]
    assert all(record.real_share == 1 for record in records)


# -- what the method may not see, and not change -------------------------------------------------


def test_the_place_of_a_row_does_not_tell_where_it_is_from(follow):
    rules = {"params": {"population": 200, "drift": 1000.0}}
    lineage, _ = follow({"purify": {"k": 4, "alpha": 0.5}}, generations=60, rules=rules)
    patterns = [tuple(x < 500 for x in rows) for rows in arrivals(lineage)]
    assert len(set(patterns)) == 6  # two of four places
    assert all(15 < sum(column) < 45 for column in zip(*patterns, strict=True))


@pytest.mark.parametrize("world", [{kind: entry} for kind, entry in KINDS.items()], ids=list(KINDS))
def test_methods_in_one_world_get_their_arrivals_from_common_streams(follow, world):
    newest, other = (arrivals(follow(world, method)[0]) for method in ("take_newest", "frozen"))
    assert newest[0] == other[0]
    for mine, theirs in zip(newest, other, strict=True):
        assert [x if x < 500 else None for x in mine] == [x if x < 500 else None for x in theirs]
    same = newest == other
    assert same if next(iter(world)) in ("purify-outside", "mix") else not same  # an own model is the method's


@pytest.mark.parametrize("kind", ["preserve", "purify", "grow"])
def test_the_methods_decoding_is_that_of_its_own_model(follow, kind):
    lineage, _ = follow({kind: KINDS[kind]}, "tempered", temperature=0.5)
    generated = sorted(kinds(arrivals(lineage)[0])[1])
    assert generated[1] - generated[0] == pytest.approx(0.5)


def test_an_outside_model_is_not_decoded_as_the_method_says(follow):
    plain, tempered = (
        arrivals(follow({"purify-outside": {"k": 6}}, method)[0]) for method in ("take_newest", "tempered")
    )
    assert plain == tempered


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_of_d0_are_given_to_a_model_only_where_they_tell_nothing(make_cell, toy, kind):
    given = []

    class Asked(toy.Toy):
        def conditions(self, n, rng, first=None):
            given.append(first is not None)

    list(Lineage(replace(make_cell("frozen", world=kind), task=Asked()), None).generations())
    assert set(given) == {kind in ("preserve", "grow")}


def test_decoding_of_the_toy_is_what_the_tests_above_take_it_for():
    assert sorted(
        Toy(drift=0)
        .learner(stream("init", "toy", 0))
        .sample(3, stream("sample", "toy", 0), Decoding(0.5))["x"]
        .tolist()
    ) == [-0.5, 0, 0.5]


# -- what is shared ------------------------------------------------------------------------------


def notes(store, kind):
    return list((store.root / "stages" / kind).glob("*.json"))


def test_generation_zero_is_the_same_in_all_worlds_and_trained_once(follow, store, calls):
    firsts, models = set(), set()
    for kind, entry in {**KINDS, "curve": None}.items():
        world = kind if entry is None else {kind: entry}
        lineage, _ = follow(world, "frozen" if entry else "take_newest", "toy_sgd", store=store, rules=None)
        firsts.add(lineage.history[0].digest)
        models.add(lineage.initial_model.digest)
    assert (len(firsts), len(models), len(notes(store, "real"))) == (1, 1, 1)
    assert "" not in firsts | models


def test_frozen_is_computed_once_for_all_worlds(follow, store, calls):
    for kind, entry in KINDS.items():
        follow({kind: entry}, "frozen", "toy_sgd", store=store, rules=None)
    assert (len(notes(store, "fit")), len(notes(store, "evaluate"))) == (3, 3)  # M_0, M_1, M_2
    assert calls["evaluate"] == 3
    assert calls["fit"] == 3 + 1  # and the outside generator


def test_weights_of_sites_begin_after_generation_zero(follow, store, toy, make_cell):
    class Weighting(toy.Fail):
        """No loss below the mean."""

        def site_weights(self, log_probs):
            return (log_probs > -1).to(log_probs.dtype) + 0.01

    plain = make_cell("toy_fail", "toy_sgd", at=99)
    lineages = [Lineage(cell, store, True) for cell in (plain, replace(plain, method=Weighting(at=99)))]
    errors = [[record.metrics["error"] for record in lineage.generations()] for lineage in lineages]
    assert lineages[0].initial_model.digest == lineages[1].initial_model.digest
    assert errors[0][0] == errors[1][0]
    assert errors[0][1] != errors[1][1]


@pytest.mark.parametrize("task", ["toy", "toy_sgd"])
def test_the_outside_generator_is_fitted_once_and_stays(follow, store, calls, task):
    rules = None if task == "toy_sgd" else FAR
    follow({"purify-outside": KINDS["purify-outside"]}, "frozen", task, generations=3, store=store, rules=rules)
    assert calls["fit"] == 5  # M_0, ..., M_3 and the generator


def test_methods_and_worlds_with_one_outside_generator_share_it(follow, store, calls):
    generator = {"generator": {"rows": 2}}
    for alpha in (0.25, 0.5):
        for method in ("take_newest", "frozen"):
            follow(
                {"purify-outside": {"k": 4, "alpha": alpha, **generator}}, method, "toy_sgd", store=store, rules=None
            )
    assert len(notes(store, "outside")) == 1


def test_arrivals_of_as_many_generated_and_other_real_rows_are_not_confused(follow, store):
    """Both worlds have three generated rows; one has three real ones, the other six."""
    for k, alpha, real in ((6, 0.5, 3), (9, 2 / 3, 6)):
        _, records = follow({"purify": {"k": k, "alpha": alpha}}, "take_newest", "toy_sgd", store=store, rules=None)
        assert [record.rows for record in records] == [4, k, k]
        assert costs(records, "real_examples")[-1] == (4 + 2 * real,)


def test_a_world_keeps_its_keys_under_another_name(make_cell):
    def digest(world):
        return make_cell(world=world).digest

    assert digest({"purify": {}}) == digest({"web": {"kind": "purify"}})
    assert len({digest(kind) for kind in [*KINDS, "curve"]}) == 6


@pytest.mark.parametrize("world", [*({kind: entry} for kind, entry in KINDS.items()), "curve"], ids=[*KINDS, "curve"])
@pytest.mark.parametrize("task", ["toy", "toy_sgd"])
def test_an_interrupted_cell_ends_as_an_uninterrupted_one_in_each_world(make_cell, tmp_path, store, world, task):
    method = "take_newest" if world == "curve" else "toy_blend"
    cell = make_cell(method, task, world=world, rules={"params": {"noise": 0.5}})
    whole = run_cell(cell, Store(tmp_path / "other"))
    list(islice(Lineage(cell, store).generations(), 2))
    assert run_cell(cell, store).same_result(whole)
    assert whole.cell.status == "done"
