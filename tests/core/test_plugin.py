import itertools
import math
import random
from dataclasses import field

import pytest

from collapsebench.core.errors import BadParameter, PluginError, UsageError
from collapsebench.core.plugin import Plugin, split_label, split_labels


class Sample(Plugin):
    """What is tried here.

    And more.
    """

    share: float = 0.5
    rows: int = 3
    most: int | None = None
    loud: bool = False
    text: str = ""
    either: float | int | bool | str | None = None
    sizes: tuple[int, ...] = (1,)
    names: list[str] = field(default_factory=list)

    name = "sample"


def test_a_label_shows_what_differs_from_the_default_and_reads_back():
    plugin = Sample(share=0.25, text="fixed")
    assert plugin.label == "sample(share=0.25, text=fixed)"
    assert Sample.parse("sample(share=0.25, text=fixed)") == plugin
    assert Sample.parse(" sample ") == Sample.parse("sample()") == Sample()
    assert plugin.changed_params == {"share": 0.25, "text": "fixed"}


def test_text_is_quoted_only_where_it_would_read_as_something_else():
    written = {"fixed": "fixed", "gpt2 n_embd=8": "gpt2 n_embd=8", "a, b": "'a, b'", "": "''", "(": "'('", "1.5": "1.5"}
    assert {text: Sample(text="x", either=text).label.partition("either=")[2][:-1] for text in written} == {
        **written,
        "1.5": "'1.5'",  # here a number is another value than its text
    }
    assert Sample(text="1.5").label == "sample(text=1.5)"


PIECES = ["a", "b c", ",", ", ", "(", ")", "[", "]", "{", "'", '"', "\\", "=", " ", "\n", "1", "-0.5", "None", "é", "#"]
OTHERS = [None, True, False, 0, 1, -7, 2**70, 0.0, 1.0, -0.1, 1e-300, 1e300, math.inf, -math.inf, "inf", "nan", "True"]


def test_every_label_reads_back_to_the_same_plugin():
    rng = random.Random(0)
    texts = ["".join(rng.choices(PIECES, k=length)) for length in (0, 1, 1, 1, 2, 2, 3, 5) for _ in range(60)]
    for value in [*OTHERS, *texts]:
        for name in ("text", "either") if isinstance(value, str) else ("either",):
            plugin = Sample(**{name: value}, rows=4)
            read = Sample.parse(plugin.label)
            assert read == plugin and type(getattr(read, name)) is type(value), plugin.label
    for share, rows, most, loud in itertools.product((0.1, 5e-324), (-1, 0), (None, 2), (True, False)):
        plugin = Sample(share, rows, most, loud, sizes=(1, rows), names=["a, b", "'"])
        assert Sample.parse(plugin.label) == plugin


@pytest.mark.parametrize(
    "label", ["", "sample(", "sample(rows)", "sample(rows=)", "sample(rows=1, rows=1)", "a b", "(x=1)"]
)
def test_what_is_no_label_is_refused_with_an_example(label):
    with pytest.raises(UsageError, match=r"is not NAME or NAME|without its partner") as error:
        Sample.parse(label)
    assert error.value.hint


def test_a_label_of_another_plugin_is_refused():
    with pytest.raises(UsageError, match="'other' is not a label of plug-in 'sample'"):
        Sample.parse("other")


def test_an_unknown_parameter_gets_the_nearest_one_as_hint():
    with pytest.raises(BadParameter, match=r"Unknown parameter 'shar' of plug-in 'sample'\.") as error:
        Sample.parse("sample(shar=1)")
    assert error.value.hint == "Did you mean 'share'?"


def test_a_value_of_the_wrong_type_is_named():
    with pytest.raises(BadParameter, match="rows='many' of plug-in 'sample': Input should be a valid integer"):
        Sample.parse("sample(rows=many)")


def test_a_list_of_labels_is_cut_at_its_outer_commas():
    assert split_labels("a, b(x=1, y='),('),c") == ["a", "b(x=1, y='),(')", "c"]
    assert split_labels("") == []
    assert split_label("b(x=[1, 2], y=a=b)") == ("b", {"x": "[1, 2]", "y": "a=b"})
    for wrong in ("a(", "a)", "a(]", "a'", "a)("):
        with pytest.raises(UsageError, match="without its partner"):
            split_labels(wrong)


def test_the_description_is_the_first_line_of_the_classs_own_docstring():
    class Silent(Sample):
        pass

    assert Sample.description() == "What is tried here."
    assert Silent.description() == ""


def test_a_field_must_not_hide_what_a_plugin_has():
    with pytest.raises(PluginError, match=r"Field 'label' of Hiding hides Plugin\.label"):

        class Hiding(Plugin):
            label: str = ""
