import numpy as np
import pytest

from collapsebench.validate import judge, report


@pytest.fixture
def verdicts(claim):
    return [judge(claim([1.0, 0.5]), np.array([[0.9, 0.5], [1.3, 0.7]])), judge(claim([9.0, 9.0]), np.ones((2, 2)))]


def test_the_page_says_what_holds_and_what_was_not_measured(verdicts, tmp_path):
    page, figure = report.write(verdicts, tmp_path)
    text = page.read_text()
    assert figure.name == "gaussian.svg"
    assert "1 of 2 claims hold. 0 of 1 laws count" in text
    assert "Not counted: `gaussian_replace`." in text
    assert "**no**" in text
    assert "`kde_replace`" in text.partition("Not measured")[2]


def test_the_same_numbers_give_the_same_bytes(verdicts, tmp_path):
    first = [path.read_bytes() for path in report.write(verdicts, tmp_path / "a")]
    assert [path.read_bytes() for path in report.write(verdicts, tmp_path / "b")] == first


def test_a_law_counts_if_one_of_its_claims_would_not_have_held_with_a_fault_of_5_percent(claim):
    sharp = judge(claim([1.0, 1.0]), np.array([[1.001, 1.0], [0.999, 1.0]]))
    blunt = judge(claim([1.0, 1.0]), np.array([[1.2, 1.3], [0.9, 0.8]]))
    broken = judge(claim([9.0, 9.0]), np.ones((2, 2)))
    direction = judge(claim([np.nan] * 2, gate="rising"), np.array([[1.0, 2.0], [1.2, 2.4]]))
    assert "1 of 1 laws count" in report.summary([sharp, blunt])
    assert "Not counted: `gaussian_replace`." in report.summary([blunt])
    assert "0 of 1 laws count" in report.summary([sharp, broken])
    assert "Held by direction only: `gaussian_replace`." in report.summary([direction])
