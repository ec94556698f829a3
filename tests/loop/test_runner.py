import logging
import multiprocessing
import os
import random
import signal
import time
from dataclasses import dataclass, replace
from itertools import islice

import pytest
import torch

from collapsebench.core.errors import StoreError
from collapsebench.loop.lineage import Lineage
from collapsebench.loop.plan import build_cell
from collapsebench.loop.runner import Busy, finished, run_cell
from collapsebench.loop.store import Store

CLOSED_FORM_AND_STEPPED = pytest.mark.parametrize("task", ["toy", "toy_sgd"])


def errors(result):
    return [record.metrics["error"] for record in result.generations]


def folder(store, cell):
    return store.cell(cell.task.name, cell.method.name, cell.seed, cell.storage_digest)


# -- the protocol, by hand -----------------------------------------------------------------------
# D_0 = 1, 2, 3, 4 with mean 2.5; samples are the model's mean plus one.


def test_replace_drifts_by_one_each_generation(make_cell, store):
    assert errors(run_cell(make_cell("replace"), store)) == [0, 1, 2, 3]


def test_frozen_stays_where_it_was(make_cell, store):
    result = run_cell(make_cell("frozen"), store)
    assert errors(result) == [0, 0, 0, 0]
    assert [record.real_share for record in result.generations] == [1, 1, 1, 1]


def test_accumulate_slows_the_drift(make_cell, store):
    # D_1 = D_0 and four times 3.5: mean 3. D_2: four times 4 more: mean (2 * 3 + 4) / 3 = 10/3.
    result = run_cell(make_cell("accumulate", generations=2), store)
    assert errors(result) == pytest.approx([0, 0.5, 5 / 6])
    assert [record.rows for record in result.generations] == [4, 8, 12]
    assert [record.real_share for record in result.generations] == pytest.approx([1, 1 / 2, 1 / 3])


def test_costs_are_counted_from_the_start_of_the_cell(make_cell, store):
    last = run_cell(make_cell("accumulate", generations=2), store).generations[-1]
    assert last.costs["real_examples"] == 4
    assert last.costs["synthetic_examples"] == 8
    assert last.costs["trained_tokens"] == 4 + 8 + 12
    assert last.costs["optimizer_steps"] == 0


def test_the_environment_and_the_day_stand_in_the_record_of_a_cell_that_ran(make_cell, store):
    ran = run_cell(make_cell(), store).cell.environment
    assert {"torch", "python", "collapsebench", "date"} <= set(ran)
    assert run_cell(make_cell("toy_picky"), store).cell.environment == {}


def test_every_generation_is_timed_and_reported(make_cell, store):
    seen = []
    result = run_cell(make_cell(), store, on_generation=seen.append)
    assert seen == [0, 1, 2, 3]
    assert set(result.generations[0].seconds) == {"real", "fit", "evaluate"}
    assert set(result.generations[1].seconds) == {"sample", "curate", "fit", "evaluate"}


@CLOSED_FORM_AND_STEPPED
def test_global_random_state_is_left_alone(make_cell, store, task):
    before = torch.random.get_rng_state()
    run_cell(make_cell("toy_blend", task), store)
    assert torch.random.get_rng_state().equal(before)


# -- finished, shared and resumed work -----------------------------------------------------------


@CLOSED_FORM_AND_STEPPED
def test_a_finished_cell_is_read_and_not_run_again(make_cell, store, calls, task):
    cell = make_cell("toy_blend", task)
    first = run_cell(cell, store)
    calls.clear()
    second = run_cell(cell, store)
    assert second == first == finished(cell, store)
    assert not calls


def test_generation_0_and_s1_are_computed_once_for_all_methods(make_cell, store, calls):
    def fits(method):
        calls.clear()
        run_cell(make_cell(method, "toy_sgd", generations=2), store)
        return calls["fit"], calls["sample"], calls["real"]

    assert fits("replace") == (3, 2, 1)  # M_0, M_1, M_2 from S_1 and S_2
    assert fits("accumulate") == (2, 1, 0)  # M_0 and S_1 are there
    assert fits("frozen") == (2, 1, 0)


def test_other_seeds_and_sizes_share_nothing(make_cell, store, calls):
    run_cell(make_cell("replace", "toy_sgd"), store)
    calls.clear()
    run_cell(make_cell("replace", "toy_sgd", seed=1), store)
    run_cell(make_cell("replace", "toy_sgd", rules={"n": 5}), store)
    assert (calls["fit"], calls["real"]) == (8, 2)


def test_a_longer_protocol_goes_on_from_the_shorter_one(make_cell, store, calls):
    run_cell(make_cell("replace", "toy_sgd", generations=2), store)
    calls.clear()
    run_cell(make_cell("replace", "toy_sgd", generations=4), store)
    # Two new generations. M_1 was dropped when M_2 stood, and nobody needs it.
    assert calls["fit"] == 2


def leave_after(cell, store, t):
    """What a process that stops after generation t leaves behind."""
    list(islice(Lineage(cell, store).generations(), t + 1))


@CLOSED_FORM_AND_STEPPED
@pytest.mark.parametrize("method", ["replace", "accumulate_subsample", "toy_blend"])
@pytest.mark.parametrize("after", [0, 2])
def test_an_interrupted_cell_ends_as_an_uninterrupted_one(make_cell, store, tmp_path, calls, task, method, after):
    cell = make_cell(method, task, generations=4, rules={"params": {"noise": 0.5}})
    whole = run_cell(cell, Store(tmp_path / "other"))
    leave_after(cell, store, after)
    calls.clear()

    resumed = run_cell(cell, store)

    assert resumed.same_result(whole)
    assert calls["fit"] == (5 if task == "toy" else 4 - after)  # a closed-form cell starts again


@pytest.mark.parametrize("kinds", [["real"], ["sample"], ["curate"], ["fit"], ["real", "sample", "curate", "fit"]])
@pytest.mark.parametrize("loss", ["damaged", "missing"])
def test_values_lost_since_the_interruption_are_computed_again(make_cell, store, tmp_path, caplog, kinds, loss):
    cell = make_cell("toy_blend", "toy_sgd", generations=4)
    whole = run_cell(cell, Store(tmp_path / "other"))
    leave_after(cell, store, 2)
    for kind in kinds:
        for path in (store.root / "stages" / kind).glob("*.safetensors"):
            path.unlink() if loss == "missing" else path.write_bytes(path.read_bytes()[:-1])

    with caplog.at_level(logging.WARNING):
        assert run_cell(cell, store).same_result(whole)
    assert bool(caplog.records) is (loss == "damaged")


@CLOSED_FORM_AND_STEPPED
@pytest.mark.parametrize("name", ["records.jsonl", "DONE"])
def test_a_truncated_record_is_computed_again_and_said_in_one_line(make_cell, store, caplog, task, name):
    cell = make_cell("toy_blend", task)
    whole = run_cell(cell, store)
    path = folder(store, cell).path / name
    path.write_bytes(path.read_bytes()[:-20])

    with caplog.at_level(logging.WARNING):
        again = run_cell(cell, store)

    assert again.same_result(whole)
    assert [record.getMessage() for record in caplog.records] == [f"{path} is damaged; computing it again."]
    assert finished(cell, store) == again


def test_a_closed_form_cell_keeps_nothing_but_its_records(make_cell, store):
    run_cell(make_cell("accumulate"), store)
    assert not (store.root / "stages").exists()


@pytest.mark.parametrize(("keep", "models"), [(False, 2), (True, 5)])
def test_only_the_first_and_the_last_model_are_kept_unless_asked(make_cell, store, keep, models):
    run_cell(make_cell("replace", "toy_sgd", generations=4), store, keep_checkpoints=keep)
    assert len(list((store.root / "stages" / "fit").glob("*.safetensors"))) == models


# -- failure, divergence, skipping ---------------------------------------------------------------


@CLOSED_FORM_AND_STEPPED
def test_a_method_that_raises_fails_its_cell_with_everything_named(make_cell, store, task):
    cell = make_cell("toy_fail", task, seed=1, at=2)

    result = run_cell(cell, store)

    assert result.cell.status == "failed"
    assert result.cell.reason == f"toy_fail on {task}/preserve, seed 1, generation 2: RuntimeError: boom"
    assert [record.t for record in result.generations] == [0, 1]
    text = (folder(store, cell).path / "failure.txt").read_text()
    assert text.startswith("Traceback") and "toy.py" in text and text.endswith("RuntimeError: boom\n")
    assert finished(cell, store) is None


def test_a_broken_contract_is_reported_without_its_type(make_cell, store, toy):
    class Empty(toy.Fail):
        def curate(self, arrivals, ctx):
            return arrivals.select(torch.tensor([], dtype=torch.int64))

    result = run_cell(replace(make_cell(), method=Empty()), store)
    assert result.cell.reason.endswith("generation 1: Method 'toy_fail' returned an empty corpus.")


@CLOSED_FORM_AND_STEPPED
def test_a_failed_cell_is_tried_again(make_cell, store, toy, monkeypatch, task):
    cell = make_cell("toy_fail", task)
    run_cell(cell, store)
    monkeypatch.setenv("TOY_WORKS", "1")

    result = run_cell(cell, store)

    assert result.cell.status == "done"
    assert len(result.generations) == 4
    assert not (folder(store, cell).path / "failure.txt").exists()


@CLOSED_FORM_AND_STEPPED
def test_a_learner_that_diverges_ends_its_cell_with_a_result(make_cell, store, calls, task):
    cell = make_cell("replace", task, rules={"params": {"limit": 4.0}, "budget": {"steps": 50}})

    result = run_cell(cell, store)

    assert result.cell.status == "diverged"
    assert result.cell.reason.startswith("diverged at t=2: the mean is 4.")
    assert [record.t for record in result.generations] == [0, 1]
    calls.clear()
    assert run_cell(cell, store) == result  # a result, not tried again
    assert not calls


def test_a_primary_metric_that_is_nan_is_a_divergence(make_cell, store, toy):
    class NanAt2(toy.Toy):
        def evaluate(self, learner, start, rng):
            metrics = super().evaluate(learner, start, rng)
            return {**metrics, "error": float("nan")} if metrics["error"] == 2 else metrics

    result = run_cell(replace(make_cell(), task=NanAt2()), store)
    assert (result.cell.status, result.cell.reason) == ("diverged", "diverged at t=2: error is nan at generation 2")
    assert errors(result) == [0, 1]


def test_a_cell_that_is_not_run_says_why_and_leaves_nothing(make_cell, store, toy):
    @dataclass(frozen=True)
    class Choosy(toy.Blend):
        def skip(self, task):
            return "only text"

    lacking = run_cell(make_cell("toy_picky"), store)
    assert (lacking.cell.status, lacking.generations) == ("unsupported", ())
    assert lacking.cell.reason == "needs site_weights, which toy does not have"
    declined = run_cell(replace(make_cell("toy_blend"), method=Choosy()), store)
    assert (declined.cell.status, declined.cell.reason) == ("skipped", "only text")
    assert not store.root.exists()


@CLOSED_FORM_AND_STEPPED
def test_a_full_disk_stops_the_run_and_what_was_finished_stands(make_cell, store, tmp_path, monkeypatch, task):
    cell = make_cell("toy_blend", task)
    writes = []

    def full(handle, real=os.fsync):
        writes.append(handle)
        if len(writes) > (1 if task == "toy" else 12):
            raise OSError(28, "No space left on device")
        return real(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="the disk is full"):
            run_cell(cell, store)

    assert not [path for path in store.root.rglob(".*") if path.is_file()]
    assert run_cell(cell, store).same_result(run_cell(cell, Store(tmp_path / "other")))


def test_a_cell_that_another_process_runs_is_busy(make_cell, store):
    cell = make_cell()
    with folder(store, cell).lock(0), pytest.raises(Busy):
        run_cell(cell, store, wait=0)
    assert run_cell(cell, store, wait=0).cell.status == "done"


# -- several processes, killed processes ---------------------------------------------------------


def start(specs, root):
    """A process that runs cells, forked so that it need not import torch again."""

    def run():
        for spec in specs:
            run_cell(build_cell(spec), Store(root))

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    return process


def test_two_processes_on_one_store_share_the_work_and_agree(make_spec, tmp_path):
    specs = [
        make_spec(method, task, pause=0.005, generations=6) if method == "toy_blend" else make_spec(method, task)
        for task in ("toy", "toy_sgd")
        for method in ("toy_blend", "accumulate", "replace")
    ]
    alone = [run_cell(build_cell(spec), Store(tmp_path / "alone")) for spec in specs]

    processes = [start(order, tmp_path / "shared") for order in (specs, specs[::-1])]
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0, 0]
    shared = [finished(build_cell(spec), Store(tmp_path / "shared")) for spec in specs]
    assert all(ours.same_result(theirs) for ours, theirs in zip(shared, alone, strict=True))


@pytest.mark.parametrize("task", ["toy", "toy_sgd"])
def test_killed_at_random_moments_and_resumed_equals_uninterrupted(make_spec, tmp_path, task):
    spec = make_spec("toy_blend", task, pause=0.01, generations=12, rules={"params": {"noise": 0.5}})
    cell, root = build_cell(spec), tmp_path / "killed"
    moments = random.Random(task)

    for _ in range(5):
        process = start([spec], root)
        time.sleep(moments.uniform(0.01, 0.15))
        os.kill(process.pid, signal.SIGKILL)
        process.join()

    assert run_cell(cell, Store(root)).same_result(run_cell(cell, Store(tmp_path / "whole")))
