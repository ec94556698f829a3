import sys

import pytest

from collapsebench.cli import main
from collapsebench.cli.new import new_plugin
from collapsebench.core.errors import UsageError
from collapsebench.core.method import METHODS
from collapsebench.core.registry import load_file
from collapsebench.core.task import TASKS
from collapsebench.loop.protocol import load_protocol
from collapsebench.loop.world import QUESTIONS
from collapsebench.testing import check_method, check_task


def run(monkeypatch, *words):
    """The exit code of a command."""
    monkeypatch.setattr(sys, "argv", ["collapsebench", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code or 0


def test_a_new_method_passes_the_checks_as_it_is(tmp_path, registries):
    path = new_plugin("method", "my_filter", tmp_path / "plugins")
    assert path == tmp_path / "plugins" / "my_filter.py"
    load_file(path)
    cls = METHODS.get("my_filter")
    assert (cls.__name__, cls.card.title, cls().label, cls().track) == ("MyFilter", "My filter", "my_filter", "blind")
    check_method(cls, ["gaussian"])
    assert 25 <= len(path.read_text().splitlines()) <= 40


def test_a_new_task_passes_the_checks_as_it_is(tmp_path, registries):
    path = new_plugin("task", "my_data", tmp_path)
    load_file(path)
    cls = TASKS.get("my_data")
    assert (cls.__name__, cls.card.title, cls.card.primary) == ("MyData", "My data", "nll")
    check_task(cls)
    assert 40 <= len(path.read_text().splitlines()) <= 60


@pytest.mark.parametrize("kind", ["method", "task"])
def test_nothing_is_overwritten(kind, tmp_path):
    path = new_plugin(kind, "my_filter", tmp_path)
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        new_plugin(kind, "my_filter", tmp_path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["2nd", "my-filter", "MyFilter", "class", "", "a.b", "../up", "é", "_", "__init__", "a" * 65, "a" * 5000]
)
@pytest.mark.parametrize("kind", ["method", "task"])
def test_a_name_must_be_a_short_lower_case_identifier(kind, name, tmp_path):
    with pytest.raises(UsageError, match=f"cannot be the name of a {kind}") as error:
        new_plugin(kind, name, tmp_path)
    assert not list(tmp_path.iterdir())
    assert len(error.value.message) < 120


@pytest.mark.parametrize(("kind", "name"), [("method", "replace"), ("task", "gaussian")])
def test_a_built_in_name_is_taken(kind, name, tmp_path):
    with pytest.raises(UsageError, match=f"The {kind} '{name}' exists already"):
        new_plugin(kind, name, tmp_path)


@pytest.mark.parametrize(("kind", "checked_on"), [("method", ("--task", "gaussian")), ("task", ())])
def test_the_commands_from_new_to_check(kind, checked_on, tmp_path, monkeypatch, capsys, registries):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "new", kind, "mine") == 0
    printed = capsys.readouterr().out
    assert "collapsebench check mine.py" in printed
    assert f"collapsebench run --{kind} mine --plugin mine.py" in printed
    assert run(monkeypatch, "check", "mine.py", *checked_on) == 0
    assert f"{kind} mine: all checks passed" in capsys.readouterr().out
    assert run(monkeypatch, "new", kind, "mine") == 2


BROKEN = """
from dataclasses import dataclass
from collapsebench import Method, MethodCard, method

@method("broken")
@dataclass(frozen=True)
class Broken(Method):
    '''Raises.'''
    card = MethodCard(title="Broken")

    def curate(self, synthetic, ctx):
        raise RuntimeError("no luck")
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BROKEN, "no luck"),
        ("import nothing_of_that_name", "cannot be imported: ModuleNotFoundError"),
        ("def (", "cannot be imported: SyntaxError"),
        ("x = 1", "registers no method and no task"),
        (BROKEN.replace('"broken"', '"replace"'), "'replace' is defined twice"),
    ],
)
def test_check_exits_with_3_for_an_invalid_plugin(text, message, tmp_path, monkeypatch, capsys, registries):
    (tmp_path / "mine.py").write_text(text)
    monkeypatch.setenv("COLUMNS", "200")
    assert run(monkeypatch, "check", tmp_path / "mine.py", "--task", "gaussian") == 3
    printed = capsys.readouterr()
    assert message in printed.out + printed.err


@pytest.mark.parametrize("words", [("absent.py",), ("replac",), ("replace", "--task", "gausian")])
def test_check_exits_with_2_for_an_unknown_name(words, monkeypatch, capsys):
    assert run(monkeypatch, "check", *words) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_check_takes_an_installed_name(monkeypatch, capsys):
    assert run(monkeypatch, "check", "accumulate", "--task", "categorical") == 0
    assert "method accumulate: all checks passed" in capsys.readouterr().out
    assert run(monkeypatch, "check", "gaussian") == 0
    assert "task gaussian: all checks passed" in capsys.readouterr().out


def test_a_new_protocol_has_every_kind_of_world_and_can_be_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "new", "protocol", "my-board") == 0
    printed = capsys.readouterr().out
    assert "collapsebench run --method accumulate_subsample --protocol my-board.yaml --dry-run" in printed
    protocol = load_protocol("my-board.yaml")
    kinds = {protocol.world(task, world).kind for task in protocol.tasks for world in protocol.rules(task).worlds}
    assert (protocol.name, kinds | {"curve"}) == ("my-board", set(QUESTIONS))
    assert run(monkeypatch, "run", "--protocol", "my-board.yaml", "--method", "accumulate_subsample", "--dry-run") == 0
    assert "to run: accumulate_subsample on gaussian/purify-dirty, seed 2" in capsys.readouterr().out
    assert run(monkeypatch, "new", "protocol", "my-board") == 2
    assert "my-board.yaml exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("quick", "The protocol 'quick' exists already."),
        ("My Board", "'My Board' cannot be the name of a protocol."),
        ("-x", "No such option"),
        ("../up", "'../up' cannot be the name of a protocol."),
        ("a" * 65, f"'{'a' * 32}...' cannot be the name of a protocol."),
    ],
)
def test_a_name_that_no_protocol_can_have_is_refused(name, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "new", "protocol", name) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_check_takes_a_label_of_a_plug_in_file(tmp_path, monkeypatch, capsys, registries):
    path = new_plugin("method", "mine", tmp_path)
    words = ("check", "mine(share=0.8)", "--plugin", path, "--task", "gaussian")
    assert run(monkeypatch, *words) == 0
    assert "method mine: all checks passed" in capsys.readouterr().out
    assert run(monkeypatch, "check", "mine(share=2)", "--plugin", path) == 2
    assert "share" in capsys.readouterr().err


STRANGE = """
from dataclasses import dataclass
from collapsebench import task, testing
{first}

@task("strange")
@dataclass(frozen=True)
class Strange(testing.Toy):
    '''Numbers.'''
"""


@pytest.mark.parametrize(("first", "code"), [("", 0), ("import os; os._exit(0)", 3), ("raise SystemExit(0)", 3)])
def test_a_task_that_is_not_shipped_is_checked_by_another_process(
    first, code, tmp_path, monkeypatch, capsys, registries
):
    folder = tmp_path / "strange"
    folder.mkdir()
    (folder / "task.py").write_text(STRANGE.format(first=first))
    assert run(monkeypatch, "check", folder / "task.py") == code
    assert ("task strange: all checks passed" in capsys.readouterr().out) == (code == 0)
    assert "strange" not in TASKS.names()
