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
    assert "1 of 2 claims hold, on 1 of" in text
    assert "**no**" in text
    assert "`kde_replace`" in text.partition("Not measured")[2]


def test_the_same_numbers_give_the_same_bytes(verdicts, tmp_path):
    first = [path.read_bytes() for path in report.write(verdicts, tmp_path / "a")]
    assert [path.read_bytes() for path in report.write(verdicts, tmp_path / "b")] == first
