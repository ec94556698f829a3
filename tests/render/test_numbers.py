import math

import pytest

from collapsebench.board.stats import Interval
from collapsebench.render.numbers import count, end, measured, number, ratio, share, span, worth


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.046, "0.0460"),
        (0.99951, "1.00"),
        (12.34, "12.3"),
        (-1.75, "−1.75"),
        (1234.5, "1234"),
        (0.000012, "1.2e−5"),
        (0.0, "0"),
        (math.nan, "—"),
        (-math.inf, "−∞"),
    ],
)
def test_three_significant_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.6213, 0.17), "0.62 ± 0.17"),
        (Interval(0.98, 0.0123), "0.980 ± 0.012"),
        (Interval(-2.4, 12.3), "−2 ± 12"),
        (Interval(-0.0001, 0.05), "0.000 ± 0.050"),
        (Interval(1.0, 0.0), "1.00"),
        (Interval(0.5, math.nan), "0.500 ± —"),
        (Interval(math.nan, math.nan), "—"),
    ],
)
def test_half_width_sets_the_digits(interval, text):
    assert measured(interval) == text


def test_counts_shares_and_spans():
    assert [count(v) for v in (0, 0.25, 800, 999.6, 1234, 45_600_000, None)] == [
        *("0", "0.250", "800", "1.00k", "1.23k", "45.6M", "—")
    ]
    assert [share(v) for v in (0.25, 1.0, 0.0123, math.nan)] == ["25 %", "100 %", "1.23 %", "—"]
    assert [ratio(v) for v in (1.2, math.nan)] == ["×1.20", "—"]


def test_worths_are_written_from_their_logarithms():
    assert [worth(v) for v in (0, -1, math.log2(5.6), math.log2(12.6), 10, -10, math.nan)] == [
        *("1.00", "0.50", "5.60", "13", "1024", "9.8e−4", "—")
    ]
    assert span(Interval(1, 1)) == "[1.00, 4.00]"
    assert span(Interval(0.5, math.nan)) == ""
    assert [end(v) for v in (-4, 4, 0)] == ["1/16", "16", "1"]
