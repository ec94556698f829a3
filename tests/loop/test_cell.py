from dataclasses import dataclass, replace

import pytest

from collapsebench import Metric
from collapsebench.core.errors import PluginError
from collapsebench.core.method import METHODS
from collapsebench.core.registry import load_file
from collapsebench.loop.cell import Cell, task_key
from collapsebench.loop.plan import build_cell


def test_a_cell_travels_as_plain_data(make_cell):
    cell = make_cell("toy_blend", share="0.25", seed=3)
    assert cell.name == "toy_blend(share=0.25) on toy/preserve, seed 3"
    assert cell.place == ("toy_blend(share=0.25)", "toy", "preserve", 3)
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
        {"world": "purify"},
        {"world": {"preserve": {"m": 5}}},
        {"world": {"preserve": {"psi": 0.5}}},
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
    assert make_cell("toy_blend", world={"mine": {"kind": "preserve"}}).digest == cell.digest


def test_the_parts_of_a_key_are_told_by_name(make_cell):
    parts = make_cell("replace").key_parts()
    assert list(parts) == [
        "cell",
        "rules of the task",
        "world",
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

    def curate(self, arrivals, ctx):
        return arrivals
'''


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("@method", "# A comment.\n@method", True),
        ("Words.", "Other words.", True),
        ("    def curate", "\n\n    def curate", True),
        ("return arrivals", "return arrivals.shuffled(1)", False),
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

    assert make_cell("take_newest").skip_reason() == "is not made for the question preserve"
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
    assert make_cell("replace").record("done").theory == {"error": (0, 1, 2, 3)}


def test_a_cell_record_tells_its_task_and_its_world(make_cell):
    record = make_cell("toy_blend", world={"web": {"kind": "purify-outside", "k": 8, "alpha": 0.25}}).record("done")
    assert (record.task.n, record.task.suite) == (4, "own")
    assert record.world.model_dump() == {
        "name": "web",
        "kind": "purify-outside",
        "question": "purify",
        "generations": 3,
        "arrivals": 8,
        "alpha": 0.25,
        "generator": "outside",
        "generator_rows": 2,
        "temperature": 0.8,
        "phi": 1.0,
        "psi": 0.0,
        "missed": 0.1,
        "false_alarm": 0.1,
        "floor": "take_newest",
        "ceiling": "oracle",
    }


@pytest.mark.parametrize(
    ("world", "floor", "ceiling"),
    [
        ("preserve", "replace", "frozen"),
        ("purify", "take_newest", "oracle"),
        ("mix", "take_newest", "oracle"),
        ("grow", "frozen", "more_real"),
    ],
)
def test_each_world_has_the_references_of_its_question(make_cell, world, floor, ceiling):
    record = make_cell("toy_blend", world=world).record("done")
    assert (record.world.floor, record.world.ceiling) == (floor, ceiling)


def test_a_theory_of_samples_alone_is_told_only_where_just_they_arrive(make_cell, toy, monkeypatch):
    def theory(method, **options):
        return make_cell(method, generations=2, **options).record("done").theory.get("error", ())

    assert theory("replace") == (0, 1, 2)
    assert theory("replace", world={"preserve": {"m": 5}}) == ()
    assert theory("take_newest", world="purify") == ()
    assert theory("frozen", world="purify") == theory("frozen", world={"preserve": {"m": 5}}) == (0, 0, 0)
    monkeypatch.setattr(toy.Toy, "learning_curve", lambda self, sizes: [1 / size for size in sizes])
    assert theory("take_newest", world="curve") == (1 / 4, 1 / 2, 1 / 8, 1 / 16, 1 / 32, 1 / 64)


def test_sentences_of_plug_ins_and_libraries_become_one_printable_line(make_cell, toy):
    class Wordy(toy.Blend):
        """tab\tand \u202ereversed"""

    record = replace(make_cell("toy_blend"), method=Wordy()).record("failed", "ValueError: a\n  b " + "x" * 5000)
    assert record.method.description == "tab and reversed"
    assert record.reason.startswith("ValueError: a b xxx")
    assert len(record.reason) == 1000


def test_a_plugin_that_says_what_no_record_holds_is_named(make_cell, toy):
    class Endless(toy.Toy):
        card = replace(toy.Toy.card, metrics={**toy.Toy.card.metrics, "rows": Metric("two\nlines")})

    with pytest.raises(PluginError, match=r"Task 'toy' cannot be used: meaning: must be one line of printable"):
        replace(make_cell(), task=Endless()).record("done")


def test_a_parameter_that_json_does_not_hold_stands_in_the_record_as_text(make_cell):
    cell = make_cell("reward_curate")
    assert cell.record("done").method.params["lam"] == "inf"
    assert build_cell(cell.spec).method == cell.method


def test_other_weights_at_the_same_path_are_another_task(toy, folder):
    @dataclass(frozen=True)
    class Tuned(toy.Toy):
        base: str = ""

    path = folder / "model.gguf"
    path.write_bytes(b"weights")
    before = task_key(Tuned(base="model.gguf"))
    path.rename(folder / "elsewhere.gguf")
    assert task_key(Tuned(base="elsewhere.gguf")) == before
    (folder / "elsewhere.gguf").write_bytes(b"other weights")
    assert task_key(Tuned(base="elsewhere.gguf")) != before
    assert task_key(Tuned()) not in (before, task_key(Tuned(base="nowhere")))
