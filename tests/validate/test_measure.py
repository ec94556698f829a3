"""What the validator says of the loop as it is, and that it refuses loops broken on purpose."""

from dataclasses import replace

from collapsebench import laws
from collapsebench.core.corpus import Corpus
from collapsebench.laws import LAWS
from collapsebench.learners import gaussian
from collapsebench.loop.lineage import Lineage
from collapsebench.validate import Claim, Metric, Setting, chosen, validate


def small():
    """Cells small enough to show a broken loop within seconds, by 100 seeds."""
    claims = []
    for method in ("replace", "accumulate", "accumulate_subsample"):
        setting = Setting("gaussian", 10, 6, method, {"d": 50})
        spread = LAWS[f"gaussian_{method}"].formula(10, 6)
        for law, metric, theory in (
            (f"gaussian_{method}", "trace", spread),
            ("gaussian_mean_error", "mean_sq", laws.gaussian_mean_error(spread)),
        ):
            claims.append(Claim(law, metric, (setting,), Metric(metric, 50), theory, 100, 100))
    setting = Setting("regression", 20, 4, task_params={"d": 5})
    theory = laws.regression_replace(20, 5, 1.0, 4)
    return [*claims, Claim("regression_replace", "error", (setting,), Metric("error"), theory, 100, 100)]


def failed():
    return {(v.claim.law, v.claim.settings[0].method) for v in validate(small(), fast=True) if not v.passed}


def test_the_loop_as_it_is_passes():
    assert failed() == set()


def test_covariance_with_divisor_n_minus_1(monkeypatch):
    whole = gaussian._moments

    def unbiased(corpus):
        total, mean, scatter = whole(corpus)
        return gaussian.Moments(total, mean, scatter * total / (total - 1))

    monkeypatch.setattr(gaussian, "_moments", unbiased)
    assert ("gaussian_replace", "replace") in failed()


def test_the_model_of_the_generation_before_is_evaluated(monkeypatch):
    evaluate = Lineage.evaluate

    def late(self, model, first, initial_model):
        return evaluate(self, self.model if self.t >= 0 else model, first, initial_model)

    monkeypatch.setattr(Lineage, "evaluate", late)
    assert {("gaussian_replace", "replace"), ("regression_replace", "replace")} <= failed()


def test_synthetic_data_from_the_generation_before_last(monkeypatch):
    sample = Lineage.sample

    def old(self, model, *rest):
        self.older = [*getattr(self, "older", [model]), model]
        return sample(self, self.older[-2], *rest)

    monkeypatch.setattr(Lineage, "sample", old)
    assert ("gaussian_replace", "replace") in failed()


def test_the_pool_is_sampled_with_replacement(monkeypatch):
    draw = Corpus.sample
    monkeypatch.setattr(Corpus, "sample", lambda self, k, rng: draw(self, k, rng, replacement=True))
    assert {method for _, method in failed()} == {"accumulate_subsample"}


def test_every_generation_is_sampled_with_the_same_numbers(monkeypatch):
    restarted = Lineage._restarted
    monkeypatch.setattr(Lineage, "_restarted", lambda self, purpose, t=0: restarted(self, purpose))
    assert ("regression_replace", "replace") in failed()


def test_the_pool_lacks_the_newest_set(monkeypatch):
    pool = Lineage._pool
    monkeypatch.setattr(Lineage, "_pool", lambda self, history: pool(self, history[:-1]))
    assert ("gaussian_mean_error", "accumulate") in failed()


def test_a_worker_gives_the_numbers_of_this_process():
    some = [replace(c, fast=30) for c in chosen(["keep_rate"])]
    here, pool = validate(some, fast=True), validate(some, fast=True, workers=1)
    assert [v.measured for v in here] == [v.measured for v in pool]
