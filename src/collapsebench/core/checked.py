"""Checked: frozen dataclasses whose fields are checked by their annotations, and types for such fields."""

from __future__ import annotations

import dataclasses
import functools
import math
import typing
from typing import Annotated, Any, dataclass_transform

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from .errors import BadParameter

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[Finite, Field(gt=0)]
NonNegative = Annotated[Finite, Field(ge=0)]
Multiple = Annotated[Finite, Field(ge=1)]
"""A finite number of at least 1, such as a size in multiples of n."""
Share = Annotated[Finite, Field(ge=0, le=1)]
PositiveShare = Annotated[Finite, Field(gt=0, le=1)]
Quantile = Annotated[Finite, Field(ge=0, lt=1)]
MOST_METRIC = 1e12
"""Size that every finite metric stays below: no loss is that large, and sums of squares of such numbers are finite."""
Bound = Annotated[Finite, Field(ge=-MOST_METRIC, le=MOST_METRIC)]
Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]

_ROUNDING = 1e-6
"""By how much a number may lie beyond a bound, in units of the bound or of 1."""


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
class Checked:
    """A base of which each subclass is a frozen dataclass, without a decorator of its own.

    Making an instance checks each field against its annotation and converts it (`"0.5"` and 1 become floats), then
    runs the class's own `__post_init__`.

    Raises:
        BadParameter: a value that its annotation does not allow; the message names owner, field and value.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        made = {name: value for name, value in vars(cls).items() if isinstance(value, dataclasses.Field)}
        dataclasses.dataclass(frozen=True)(cls)
        # A class that also carries the decorator goes through it once more, so it finds what it found the first time.
        del cls.__setattr__, cls.__delattr__
        for name, value in made.items():
            if value.default is dataclasses.MISSING:
                setattr(cls, name, value)
        if own := vars(cls).get("__post_init__"):

            @functools.wraps(own)
            def checked(self: Checked) -> None:
                Checked.__post_init__(self)
                own(self)

            cls.__post_init__ = checked  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        for name in _adapters(type(self)):  # type: ignore[arg-type]
            object.__setattr__(self, name, self._checked(name, getattr(self, name)))

    def __setattr__(self, name: str, value: object) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    @classmethod
    def _owner(cls) -> str:
        """What messages call this class."""
        return cls.__name__

    @classmethod
    def _checked(cls, name: str, value: object, strict: bool = False) -> Any:
        try:
            return _adapters(cls)[name].validate_python(value, strict=strict or None)  # type: ignore[arg-type]
        except ValidationError as invalid:
            problem = invalid.errors()[0]["msg"]
            raise BadParameter(f"Parameter {name}={value!r} of {cls._owner()}: {problem}.") from None


@functools.cache
def _adapters(cls: type[Any]) -> dict[str, TypeAdapter[Any]]:
    """What checks each parameter."""
    annotations = typing.get_type_hints(cls, include_extras=True)
    adapters: dict[str, TypeAdapter[Any]] = {}
    for field in [field for field in dataclasses.fields(cls) if field.init]:
        try:
            adapters[field.name] = TypeAdapter(annotations[field.name])
        except PydanticSchemaGenerationError:  # a class that pydantic does not know is checked by isinstance
            by_isinstance = ConfigDict(arbitrary_types_allowed=True)
            adapters[field.name] = TypeAdapter(annotations[field.name], config=by_isinstance)
    return adapters


def in_range(value: float, low: float, high: float) -> bool:
    """Whether a number lies within bounds, up to rounding; NaN does, and infinity where there is no bound."""
    place = math.copysign(MOST_METRIC, value) if math.isinf(value) else value
    return not (place < low - _ROUNDING * max(1.0, abs(low)) or place > high + _ROUNDING * max(1.0, abs(high)))
