import dataclasses
import math
from collections.abc import Callable
from typing import Literal

import pytest

from collapsebench.core.checked import Checked, Count, Natural, Positive, PositiveShare, Quantile, Share
from collapsebench.core.errors import PluginError


class Point(Checked):
    x: float
    kind: Literal["near", "far"] = "near"
    trail: list[int] = dataclasses.field(default_factory=list)


def test_a_subclass_is_a_frozen_dataclass_without_a_decorator():
    assert Point(1.0) == Point(x=1.0, kind="near", trail=[])
    assert dataclasses.replace(Point(1.0), kind="far") == Point(1.0, "far")
    with pytest.raises(dataclasses.FrozenInstanceError):
        Point(1.0).x = 2.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        del Point(1.0).x


def test_a_subclass_may_carry_the_decorator_as_well():
    @dataclasses.dataclass(frozen=True)
    class Traced(Point):
        more: list[int] = dataclasses.field(default_factory=lambda: [7])

    assert Traced(1.0) == Traced(1.0, "near", [], [7])
    assert dataclasses.asdict(Traced(2))["more"] == [7]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Traced(1.0).x = 2.0
    with pytest.raises(PluginError, match="Parameter kind='off' of Traced"):
        Traced(1.0, "off")


def test_values_are_converted_to_the_types_of_their_fields():
    assert isinstance(Point(1).x, float)
    assert Point("0.5").x == 0.5


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"x": "wide"}, "Parameter x='wide' of Point: Input should be a valid number"),
        ({"x": None}, "Parameter x=None of Point: Input should be a valid number"),
        ({"x": 1, "kind": "off"}, "Parameter kind='off' of Point: Input should be 'near' or 'far'"),
    ],
)
def test_a_wrong_value_is_named_with_its_field_and_owner(wrong, problem):
    with pytest.raises(PluginError, match=problem):
        Point(**wrong)


def test_fields_are_checked_before_a_class_looks_at_them_itself():
    class Half(Point):
        def __post_init__(self):
            assert isinstance(self.x, float)
            if self.x > 0.5:
                raise PluginError("too large")

    assert Half("0.25").x == 0.25
    with pytest.raises(PluginError, match="too large"):
        Half("0.75")


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (Share, [0, 0.5, 1], [-0.01, 1.01, math.nan, math.inf]),
        (PositiveShare, [1e-9, 1], [0, 1.01, math.nan]),
        (Quantile, [0, 0.99], [1, math.nan]),
        (Positive, [1e-9, 1e9], [0, -1, math.inf, math.nan]),
        (Count, [1, 7], [0, 1.5, "x"]),
        (Natural, [0, 7], [-1]),
    ],
)
def test_the_types_for_fields_hold_their_bounds(annotation, good, bad):
    holder = type("Holder", (Checked,), {"__annotations__": {"value": annotation}, "__module__": __name__})
    assert [holder(value).value for value in good] == good
    for value in bad:
        with pytest.raises(PluginError, match="Parameter value="):
            holder(value)


def test_a_field_of_any_class_is_checked_by_isinstance():
    class Held(Checked):
        point: Checked
        call: Callable = len

    assert Held(Point(1)).call([1]) == 1
    with pytest.raises(PluginError, match="Parameter point=3 of Held"):
        Held(3)
