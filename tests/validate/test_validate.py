"""The validator: what it says of the loop as it is, and that it refuses loops broken on purpose."""

import math
from dataclasses import replace

import numpy as np
import pytest

from collapsebench import laws
from collapsebench.core.corpus import Corpus
from collapsebench.core.errors import UsageError
from collapsebench.laws import LAWS
from collapsebench.learners import gaussian
from collapsebench.loop.lineage import Lineage
from collapsebench.validate import Claim, Metric, Setting, all_claims, chosen, judge, report, validate
from collapsebench.validate.claim import known


def claim(theory, **keys):
    """A claim on numbers that a test makes up."""
    law = keys.pop("law", "gaussian_replace")
    return Claim(law, "spread", (Setting("gaussian", 4, 1),), Metric("trace"), lambda: np.array(theory), 2, **keys)


class TestJudge:
    def test_an_exact_law_by_hand(self):
        # Mean 2 and standard error 1 at the first point, the same number in every seed at the second.
        samples = np.array([[1.0, 5.0], [3.0, 5.0]])
        verdict = judge(claim([0.0, 5.0]), samples)
        assert (verdict.measured, verdict.standard_error, verdict.deviation) == (2, 1, 2)
        assert verdict.passed
        assert verdict.where == "generation 0"
        assert not judge(claim([-2.0, 5.0]), samples).passed  # z = 4
        assert not judge(claim([2.0, 5.1]), samples).passed  # no seed gives this

    def test_only_judged_points_count(self):
        samples = np.array([[1.0, 9.0], [3.0, 9.0]])
        assert judge(claim([2.0, 5.0], judged=(0,)), samples).passed

    def test_an_asymptotic_law_goes_by_its_relative_error(self):
        samples = np.array([[100.0, 0.0], [103.0, 0.0]])
        keys = {"gate": "asymptotic", "judged": (0,), "tolerance": 0.02}
        assert judge(claim([100.0, 1.0], **keys), samples).deviation == pytest.approx(0.015)
        assert judge(claim([100.0, 1.0], **keys), samples).passed
        assert not judge(claim([99.0, 1.0], **keys), samples).passed

    def test_a_relative_claim_is_about_the_ratio_of_means(self):
        samples = np.array([[1.0, 2.0], [3.0, 6.0]])
        verdict = judge(claim([1.0, 2.0], relative=True), samples)
        assert verdict.mean.tolist() == [1, 2]
        assert verdict.error.tolist() == [0, 0]  # every seed has the same ratio

    def test_inequalities_and_directions(self):
        samples = np.array([[1.0, 2.0], [1.2, 2.4]])
        assert judge(claim([3.0, 3.0], gate="at_most"), samples).passed
        assert not judge(claim([3.0, 1.0], gate="at_most"), samples).passed
        assert judge(claim([0.0, 2.0], gate="at_least"), samples).passed
        assert judge(claim([math.nan] * 2, gate="rising"), samples).passed
        assert not judge(claim([math.nan] * 2, gate="falling"), samples).passed

    def test_an_exponent(self):
        x = (1.0, 10.0, 100.0)
        samples = np.array([[1.0, 0.1, 0.01], [3.0, 0.3, 0.03]])
        verdict = judge(claim([5.0, 0.5, 0.05], gate="slope", x=x), samples)
        assert verdict.measured == pytest.approx(-1)
        assert verdict.passed
        assert not judge(claim([1.0, 0.2, 0.04], gate="slope", x=x), samples).passed

    def test_what_is_not_a_number_never_passes(self):
        samples = np.array([[math.nan, 1.0], [1.0, 1.0]])
        for gate in ("exact", "asymptotic", "at_most", "at_least", "rising", "falling"):
            assert not judge(claim([1.0, 1.0], gate=gate), samples).passed


class TestTable:
    def test_every_law_has_a_claim_and_every_exact_one_at_least_200_seeds(self):
        claims = all_claims()
        assert {c.law for c in claims} == set(known())
        for c in claims:
            if known()[c.law].kind == "exact" and c.gate == "exact":
                assert c.seeds >= 200, c.law

    def test_every_setting_names_a_task_and_a_method_that_exist(self):
        for c in all_claims():
            for setting in c.settings:
                setting.cell()
            assert len(c.theory()) == (c.settings[0].generations + 1 if len(c.settings) == 1 else len(c.settings))

    def test_laws_and_families_are_chosen_by_name(self):
        assert {c.law for c in chosen(["kept_precision"])} == {"kept_precision"}
        assert {c.family for c in chosen(["gaussian"])} == {"gaussian"}
        with pytest.raises(UsageError, match="gausian") as error:
            chosen(["gausian_replace"])
        assert "gaussian_replace" in error.value.hint


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
            claims.append(Claim(law, metric, (setting,), Metric(metric, 50), lambda theory=theory: theory, 100, 100))
    setting = Setting("regression", 20, 4, task_params={"d": 5})
    theory = laws.regression_replace(20, 5, 1.0, 4)
    return [*claims, Claim("regression_replace", "error", (setting,), Metric("error"), lambda: theory, 100, 100)]


def failed():
    return {(v.claim.law, v.claim.settings[0].method) for v in validate(small(), fast=True) if not v.passed}


class TestBrokenLoops:
    def test_the_loop_as_it_is_passes(self):
        assert failed() == set()

    def test_covariance_with_divisor_n_minus_1(self, monkeypatch):
        whole = gaussian._moments

        def unbiased(corpus):
            total, mean, scatter = whole(corpus)
            return gaussian.Moments(total, mean, scatter * total / (total - 1))

        monkeypatch.setattr(gaussian, "_moments", unbiased)
        assert ("gaussian_replace", "replace") in failed()

    def test_the_model_of_the_generation_before_is_evaluated(self, monkeypatch):
        evaluate = Lineage.evaluate

        def late(self, model, first, initial_model):
            return evaluate(self, self.model if self.t >= 0 else model, first, initial_model)

        monkeypatch.setattr(Lineage, "evaluate", late)
        assert {("gaussian_replace", "replace"), ("regression_replace", "replace")} <= failed()

    def test_synthetic_data_from_the_generation_before_last(self, monkeypatch):
        sample = Lineage.sample

        def old(self, model, *rest):
            self.older = [*getattr(self, "older", [model]), model]
            return sample(self, self.older[-2], *rest)

        monkeypatch.setattr(Lineage, "sample", old)
        assert ("gaussian_replace", "replace") in failed()

    def test_the_pool_is_sampled_with_replacement(self, monkeypatch):
        draw = Corpus.sample
        monkeypatch.setattr(Corpus, "sample", lambda self, k, rng: draw(self, k, rng, replacement=True))
        assert {method for _, method in failed()} == {"accumulate_subsample"}

    def test_every_generation_is_sampled_with_the_same_numbers(self, monkeypatch):
        stream = Lineage._stream
        monkeypatch.setattr(Lineage, "_stream", lambda self, purpose, t: stream(self, purpose, 0))
        assert ("regression_replace", "replace") in failed()

    def test_the_pool_lacks_the_newest_set(self, monkeypatch):
        pool = Lineage._pool
        monkeypatch.setattr(Lineage, "_pool", lambda self, history: pool(self, history[:-1]))
        assert ("gaussian_mean_error", "accumulate") in failed()


class TestPages:
    def verdicts(self):
        return [judge(claim([1.0, 0.5]), np.array([[0.9, 0.5], [1.3, 0.7]])), judge(claim([9.0, 9.0]), np.ones((2, 2)))]

    def test_the_page_says_what_holds_and_what_was_not_measured(self, tmp_path):
        page, figure = report.write(self.verdicts(), tmp_path)
        text = page.read_text()
        assert figure.name == "gaussian.svg"
        assert "1 of 2 claims hold, on 1 of" in text
        assert "**no**" in text
        assert "`kde_replace`" in text.partition("Not measured")[2]

    def test_the_same_numbers_give_the_same_bytes(self, tmp_path):
        first = [path.read_bytes() for path in report.write(self.verdicts(), tmp_path / "a")]
        assert [path.read_bytes() for path in report.write(self.verdicts(), tmp_path / "b")] == first


def test_workers_give_the_numbers_of_this_process():
    some = [replace(c, fast=30) for c in chosen(["keep_rate"])]
    here, pool = validate(some, fast=True), validate(some, fast=True, workers=2)
    assert [v.measured for v in here] == [v.measured for v in pool]
