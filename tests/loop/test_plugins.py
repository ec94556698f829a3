import math
from dataclasses import dataclass, field
from typing import Literal

import pytest

from collapsebench import Method, MethodCard
from collapsebench.core.errors import PluginError, ProtocolError, UsageError
from collapsebench.core.method import METHODS
from collapsebench.loop.plugins import make_method, make_task


@pytest.fixture
def typed(registries):
    """A method with a parameter of every usual type."""

    @dataclass(frozen=True)
    class Typed(Method):
        k: int = 2
        lam: float = math.inf
        on: bool = False
        prior: Literal["fixed", "self"] = "fixed"
        words: str = "a"
        maybe: float | None = None
        card = MethodCard(title="Typed")

        def curate(self, arrivals, ctx):
            return arrivals

    Typed.name = "typed"
    METHODS.register("typed", Typed)
    return Typed


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("k", "3", 3),
        ("lam", "1.5", 1.5),
        ("lam", "inf", math.inf),
        ("lam", "1e-3", 0.001),
        ("on", "true", True),
        ("on", "False", False),
        ("on", "1", True),
        ("prior", "self", "self"),
        ("words", "3", "3"),
        ("maybe", "0.5", 0.5),
    ],
)
def test_parameters_are_read_from_text(typed, key, text, value):
    read = make_method("typed", {key: text}).params()[key]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(("key", "text"), [("k", "2.5"), ("k", "two"), ("on", "perhaps"), ("prior", "both")])
def test_text_of_the_wrong_type_is_refused(typed, key, text):
    with pytest.raises(UsageError, match=f"Parameter {key}='{text}' of method 'typed': Input should be"):
        make_method("typed", {key: text})


def test_a_value_out_of_range_is_a_wrong_command_or_a_wrong_protocol():
    with pytest.raises(UsageError, match="Parameter threshold='2' of method 'token_edit': Input should be less than"):
        make_method("token_edit", {"threshold": "2"})
    with pytest.raises(ProtocolError, match="Parameter d=0 of task 'gaussian': Input should be greater than"):
        make_task("gaussian", {"d": 0})


def test_a_parameter_may_be_refused_in_any_way(typed):
    @dataclass(frozen=True)
    class Strict(typed):
        def __post_init__(self):
            if self.k > 2:
                raise ValueError("k is too large")

    METHODS._classes["typed"] = Strict
    with pytest.raises(PluginError, match="Method 'typed' refuses its parameters: ValueError: k is too large"):
        make_method("typed", {"k": "3"})


def test_a_parameter_without_a_default_must_be_given(registries):
    @dataclass(frozen=True)
    class Needy(Method):
        k: int
        names: tuple[str, ...] = field(default_factory=tuple)
        card = MethodCard(title="Needy")

        def curate(self, arrivals, ctx):
            return arrivals

    Needy.name = "needy"
    METHODS.register("needy", Needy)
    with pytest.raises(UsageError, match="Method 'needy' needs k") as error:
        make_method("needy", {})
    assert error.value.hint == "Write needy(k=VALUE)."
    assert make_method("needy", {"k": "1"}).k == 1
    assert make_method("needy", {"k": "1"}).label == "needy(k=1)"


def test_a_task_size_that_does_not_exist_is_the_protocols_mistake(toy):
    assert make_task("toy", {"noise": 0.5}).noise == 0.5
    with pytest.raises(ProtocolError, match="Unknown parameter 'noize' of task 'toy'"):
        make_task("toy", {"noize": 1})
