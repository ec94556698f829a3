import math
from dataclasses import dataclass, field, replace
from typing import Literal

import pytest

from collapsebench import Method, MethodCard
from collapsebench.core.errors import PluginError, ProtocolError, UsageError
from collapsebench.core.method import METHODS
from collapsebench.core.registry import load_file
from collapsebench.loop.cell import Cell
from collapsebench.loop.plan import REFERENCES, build_cell, check_start, enumerate_cells
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

        def curate(self, synthetic, ctx):
            return synthetic

    Typed.name = "typed"
    METHODS.register("typed", Typed)
    return Typed


# -- expansion -----------------------------------------------------------------------------------


def test_a_run_has_the_references_once_and_every_seed(toy, make_protocol):
    methods = [make_method("toy_blend", {}), make_method("replace", {}), make_method("toy_blend", {"share": "0.25"})]
    cells = enumerate_cells(make_protocol(), methods, ["toy"])

    lineup = [cell.method.label for cell in cells if cell.seed == 0]
    assert lineup == [*REFERENCES, "toy_blend", "toy_blend(share=0.25)"]
    assert [cell.seed for cell in cells if cell.method.name == "replace"] == [0, 1]
    assert {cell.task.name for cell in cells} == {"toy"}


def test_all_tasks_of_the_protocol_and_its_seeds_are_the_default(toy, make_protocol):
    assert {cell.task.name for cell in enumerate_cells(make_protocol(), [])} == {"toy", "toy_sgd", "toy_finite"}
    assert len(enumerate_cells(make_protocol(), [], ["toy"], seeds=5)) == 3 * 5


def test_a_parameter_at_its_default_is_the_same_method(toy, make_protocol):
    same = [make_method("toy_blend", {}), make_method("toy_blend", {"share": "0.5"})]
    cells = enumerate_cells(make_protocol(), same, ["toy"], seeds=1)
    assert [cell.method.label for cell in cells] == [*REFERENCES, "toy_blend"]


@pytest.mark.parametrize(
    ("methods", "tasks", "said", "hint"),
    [
        ([("toy_blent", {})], None, "Unknown method 'toy_blent'.", "Did you mean 'toy_blend'?"),
        ([], ["toi"], "Unknown task 'toi' of protocol 'toys'.", "Did you mean 'toy'?"),
        ([("toy_blend", {"shar": "1"})], None, "Unknown parameter 'shar' of method 'toy_blend'.", "'share'"),
        ([("toy_blend", {"share": "much"})], None, "Parameter share='much' of method 'toy_blend'", ""),
    ],
)
def test_unknown_names_are_a_users_mistake_with_the_nearest_name(toy, make_protocol, methods, tasks, said, hint):
    with pytest.raises(UsageError) as error:
        enumerate_cells(make_protocol(), [make_method(name, params) for name, params in methods], tasks)
    assert said in error.value.message
    assert hint in error.value.hint
    assert error.value.exit_code == 2


# -- parameters ----------------------------------------------------------------------------------


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

        def curate(self, synthetic, ctx):
            return synthetic

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


# -- cells ---------------------------------------------------------------------------------------


def test_a_cell_travels_as_plain_data(make_cell):
    cell = make_cell("toy_blend", share="0.25", seed=3)
    assert cell.name == "toy_blend(share=0.25) on toy, seed 3"
    assert cell.spec.params == {"share": 0.25, "pause": 0.0}
    again = build_cell(cell.spec)
    assert (again.method, again.task, again.digest) == (cell.method, cell.task, cell.digest)


def test_an_infinite_parameter_travels_too(make_cell):
    cell = make_cell("toy_blend", pause="inf")
    assert build_cell(cell.spec).digest == cell.digest


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"share": 0.25},
        {"task": "toy_sgd"},
        {"method": "toy_fail"},
        {"generations": 4},
        {"rules": {"n": 5}},
        {"rules": {"budget": {"steps": 6}}},
        {"rules": {"params": {"noise": 0.25}}},
        {"rules": {"limits": {"candidates": 3}}},
    ],
)
def test_the_key_of_a_cell_changes_with_whatever_can_change_its_records(make_cell, change):
    assert make_cell(**{"method": "toy_blend", **change}).digest != make_cell("toy_blend").digest


def test_the_key_of_a_cell_does_not_change_with_what_cannot(make_cell, make_protocol):
    cell = make_cell("toy_blend")
    other = make_protocol(generations=3, seeds=9, description="Other words.", average_last=3)
    assert replace(cell, protocol=other).digest == cell.digest
    assert make_cell("toy_blend", share="0.5").digest == cell.digest
    assert replace(cell, plugins=()).digest == cell.digest


def test_the_parts_of_a_key_are_told_by_name(make_cell):
    parts = make_cell("replace").key_parts()
    assert list(parts) == [
        "cell",
        "rules of the task",
        "task",
        "task code",
        "learner, scorer and base code",
        "loop code",
        "method",
        "method code",
        "method base code",
    ]
    assert "core.task" in parts["learner, scorer and base code"]
    assert "core.context" in parts["loop code"]
    assert "core.method" in parts["method base code"]


PLUGIN = '''
from dataclasses import dataclass
from collapsebench import Method, MethodCard, method

@method("edited")
@dataclass(frozen=True)
class Edited(Method):
    """Words."""
    card = MethodCard(title="Edited")

    def curate(self, synthetic, ctx):
        return synthetic
'''


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("@method", "# A comment.\n@method", True),
        ("Words.", "Other words.", True),
        ("    def curate", "\n\n    def curate", True),
        ("return synthetic", "return synthetic.shuffled(1)", False),
        ('title="Edited"', 'title="Edited", access={"history"}', False),
    ],
)
def test_comments_words_and_layout_of_a_plugin_do_not_count_but_code_does(toy, make_protocol, tmp_path, old, new, same):
    digests = []
    for number, text in enumerate((PLUGIN, PLUGIN.replace(old, new))):
        path = tmp_path / f"{number}" / "edited.py"
        path.parent.mkdir()
        path.write_text(text)
        cls = load_file(path).Edited
        digests.append(Cell(make_protocol(), toy.Toy(), cls(), 0).method_key)
        METHODS._classes.pop("edited")
    assert (digests[0] == digests[1]) is same


def test_a_method_is_skipped_where_the_task_lacks_what_it_needs(make_cell, toy):
    assert make_cell("toy_picky").skip_reason() == "needs site_weights, which toy does not have"
    bare = make_cell("verify_filter", rules={"params": {"bare": True}})
    assert bare.skip_reason() == "needs verifier, which toy does not have"
    assert make_cell("verify_filter").skip_reason() is None

    @dataclass(frozen=True)
    class Choosy(toy.Blend):
        def skip(self, task):
            return "only text" if task.modality == "vector" else None

    declining = replace(make_cell("toy_blend"), method=Choosy())
    assert declining.skip_reason() == "only text"
    assert declining.unsupported() is None
    assert make_cell("toy_picky").unsupported() == "needs site_weights, which toy does not have"


def test_a_plugin_that_fails_before_its_cell_starts_cannot_be_used(make_cell, toy):
    class Raising(toy.Blend):
        def skip(self, task):
            raise KeyError("modality")

    class RaisingTask(toy.Toy):
        def theory(self, method, n, generations):
            raise ZeroDivisionError("n = 0")

    with pytest.raises(PluginError, match="Method 'toy_blend' cannot be used: KeyError: 'modality'"):
        replace(make_cell("toy_blend"), method=Raising()).skip_reason()
    with pytest.raises(PluginError, match="Task 'toy' cannot be used: ZeroDivisionError: n = 0"):
        replace(make_cell("toy_blend"), task=RaisingTask()).record("done")


def test_a_cell_record_stands_on_its_own(make_cell):
    record = make_cell("toy_blend", share=0.25).record("failed", "because")
    assert (record.status, record.reason, record.seed) == ("failed", "because", 0)
    assert record.protocol.name == "toys"
    assert record.protocol.tasks == ("toy", "toy_sgd", "toy_finite")
    assert (record.task.primary, record.task.unit) == ("error", "distance")
    assert (record.method.label, record.method.track) == ("toy_blend(share=0.25)", "anchored")
    assert record.method.description.startswith("Half of the last corpus")
    assert make_cell("replace").record("done").theory == (0, 1, 2, 3)


def test_sentences_of_plug_ins_and_libraries_become_one_printable_line(make_cell, toy):
    class Wordy(toy.Blend):
        """tab\tand \u202ereversed"""

    record = replace(make_cell("toy_blend"), method=Wordy()).record("failed", "ValueError: a\n  b " + "x" * 5000)
    assert record.method.description == "tab and reversed"
    assert record.reason.startswith("ValueError: a b xxx")
    assert len(record.reason) == 1000


def test_a_plugin_that_says_what_no_record_holds_is_named(make_cell, toy):
    class Endless(toy.Toy):
        card = replace(toy.Toy.card, metrics={**toy.Toy.card.metrics, "rows": "two\nlines"})

    with pytest.raises(PluginError, match=r"Task 'toy' cannot be used: metrics\.rows: must be one line of printable"):
        replace(make_cell(), task=Endless()).record("done")


def test_a_broken_plugin_file_stops_the_plan(make_spec, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("1 / 0")
    with pytest.raises(PluginError, match=r"broken\.py"):
        build_cell(replace(make_spec(), plugins=(str(path),)))


def test_a_start_that_is_not_the_tasks_own_is_refused(make_spec, toy, registries):
    with pytest.raises(ProtocolError, match=r"tasks\.toy\.start is 'pretrained', but"):
        build_cell(make_spec(rules={"start": "pretrained"}))

    class Base(toy.Toy):
        pretrained = True

    with pytest.raises(ProtocolError, match=r"tasks\.toy\.start is 'scratch', but its params name a pretrained"):
        check_start(Base(), "scratch")
    check_start(Base(), "pretrained")
    check_start(Base(), "previous")


def test_a_method_is_asked_whether_its_parameters_work_with_the_size(make_spec, toy):
    assert build_cell(make_spec("fresh_mix", size=0.2, rules={"n": 4})).method.size == 0.2
    with pytest.raises(PluginError, match=r"size = 0\.1 of n = 4"):
        build_cell(make_spec("fresh_mix", size=0.1, rules={"n": 4}))


def test_a_parameter_that_json_does_not_hold_stands_in_the_record_as_text(make_cell):
    cell = make_cell("reward_curate")
    assert cell.record("done").method.params["lam"] == "inf"
    assert build_cell(cell.spec).method == cell.method
