from dataclasses import replace

import pytest

from collapsebench import validate
from collapsebench.validate import Verdict, judge
from collapsebench.validate.claim import Claim


def test_a_law_is_measured_and_printed(cli):
    ran = cli("validate", "kept_precision", "--fast", "--workers", "0")
    assert ran.code == 0
    assert "kept_precision" in ran.out
    assert "2 of 2 claims hold." in ran.out


def test_a_law_that_fails_exits_1(cli, monkeypatch):
    def wrong(claim: Claim, samples) -> Verdict:
        return judge(claim, samples + 1)

    monkeypatch.setattr("collapsebench.validate.judge", wrong)
    ran = cli("validate", "kept_precision", "--fast", "--workers", "0")
    assert ran.code == 1
    assert "0 of 2 claims hold." in ran.out


def test_an_unknown_law_exits_2_with_the_nearest(console):
    ran = console("validate", "gausian_replace")
    assert ran.code == 2
    assert "Unknown law 'gausian_replace'" in ran.err
    assert "gaussian_replace" in ran.err


@pytest.fixture
def few(monkeypatch):
    """Full runs of few seeds."""
    some = [replace(claim, seeds=20) for claim in validate.chosen(["keep_rate"])]
    monkeypatch.setattr(validate, "chosen", lambda names: some)


def test_a_part_of_the_table_writes_no_page(cli, tmp_path, few):
    assert cli("validate", "keep_rate", "--workers", "0", "--boards", tmp_path).code == 0
    assert not list(tmp_path.iterdir())


def test_a_full_run_writes_a_page_that_is_no_board(cli, tmp_path, few):
    assert cli("validate", "--workers", "0", "--boards", tmp_path).code == 0
    page = (tmp_path / "validation" / "README.md").read_text()
    assert "2 of 2 claims hold" in page
    assert "(verification.svg)" in page
    assert not (tmp_path / "validation" / "records").exists()
