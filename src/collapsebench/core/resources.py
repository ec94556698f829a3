"""Resources: what a task or a method wants of the machine that its cells run on."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ByteSize, ConfigDict, Field


class Resources(BaseModel):
    """What one cell wants; None where it does not matter.

    Args:
        cpus: cores that an engine keeps for it. A cell computes with one thread whatever it has, so that its numbers
            are the same everywhere.
        gpus: cards, or a fraction of one.
        memory: bytes, or a text such as `8 GiB`.
        hours: wall time after which an engine may end it.

    Raises:
        pydantic.ValidationError: an unknown name, or a value that is no such amount.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cpus: Annotated[int, Field(gt=0)] | None = None
    gpus: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    memory: Annotated[ByteSize, Field(gt=0)] | None = None
    hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
