"""Numbers as a reader wants them: three significant digits, a real minus sign, and — for what is missing."""

from __future__ import annotations

import math

from ..board.columns import MISSING
from ..board.stats import Interval


def number(value: float) -> str:
    """Three significant digits: 0.0460, 12.3, 1230, 1.2e−5."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return _minus(f"{value:+}".replace("inf", "∞").lstrip("+"))
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e5:
        return _minus(f"{value:.1e}".replace("e+0", "e").replace("e-0", "e-"))
    return _minus(f"{value:.{max(0, 2 - _magnitude(value))}f}")


def measured(interval: Interval) -> str:
    """`mean ± half-width`, rounded where the half-width has two significant digits."""
    centre, half_width = interval.centre, interval.half_width
    if not math.isfinite(centre) or half_width <= 1e-9 * abs(centre):  # the same in every seed
        return number(centre)
    if math.isnan(half_width):
        return f"{number(centre)} ± {MISSING}"
    decimals = 1 - _magnitude(half_width)
    if max(abs(centre), half_width) >= 1e5 or decimals > 5:
        return f"{number(centre)} ± {number(half_width)}"
    decimals = max(0, decimals)
    return _minus(f"{round(centre, decimals) + 0.0:.{decimals}f} ± {half_width:.{decimals}f}")


def worth(log2: float) -> str:
    """A worth from its logarithm: 0.62, 5.6, 13; three digits where there are more or fewer."""
    if math.isnan(log2):
        return MISSING
    value = 2.0**log2
    return number(value) if not 0.01 <= value < 999.5 else f"{value:.2f}" if value < 9.95 else f"{value:.0f}"


def span(log2: Interval) -> str:
    """`[low, high]` of a worth; "" without an interval."""
    return "" if math.isnan(log2.half_width) else f"[{worth(log2.low)}, {worth(log2.high)}]"


def end(log2: float) -> str:
    """An end of a learning curve: 16, or 1/16."""
    value = 2.0**log2
    return f"1/{1 / value:.3g}" if value < 1 else f"{value:.3g}"


def count(value: float | None) -> str:
    """A count or a time: 800, 1.23k, 45.6M, 0.250."""
    if value is None or math.isnan(value):
        return MISSING
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size * 0.9995:
            return number(value / size) + suffix
    return f"{value:.0f}" if value == int(value) or value >= 100 else number(value)


def ratio(value: float) -> str:
    """A multiple of something: ×1.20."""
    return MISSING if math.isnan(value) else f"×{number(value)}"


def plural(number_of: int, noun: str) -> str:
    """`1 seed`, `2 seeds`."""
    return f"{number_of} {noun}" if number_of == 1 else f"{number_of} {noun}s"


def share(value: float | None) -> str:
    """A share in per cent."""
    return MISSING if value is None or math.isnan(value) else f"{100 * value:.3g} %"


def _magnitude(value: float) -> int:
    """Position of the leading digit of what `value` is after rounding to three significant digits."""
    return int(f"{abs(value):.2e}".partition("e")[2]) if value else 0


def _minus(text: str) -> str:
    return text.replace("-", "−")
