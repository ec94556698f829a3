import sys

import pytest

from collapsebench.cli import main
from collapsebench.cli.scaffold import new_method
from collapsebench.core.errors import UsageError
from collapsebench.core.method import METHODS
from collapsebench.core.registry import load_file
from collapsebench.testing import check_method


def run(monkeypatch, *words):
    """The exit code of a command."""
    monkeypatch.setattr(sys, "argv", ["collapsebench", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code or 0


def test_a_new_method_passes_the_checks_as_it_is(tmp_path, registries):
    path = new_method("my_filter", tmp_path / "plugins")
    assert path == tmp_path / "plugins" / "my_filter.py"
    load_file(path)
    cls = METHODS.get("my_filter")
    assert (cls.__name__, cls.card.title, cls().label, cls().track) == ("MyFilter", "My filter", "my_filter", "blind")
    check_method(cls, ["gaussian"])
    assert 25 <= len(path.read_text().splitlines()) <= 40


def test_nothing_is_overwritten(tmp_path):
    path = new_method("my_filter", tmp_path)
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        new_method("my_filter", tmp_path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["2nd", "my-filter", "MyFilter", "class", "", "a.b", "../up", "é", "_", "__init__"])
def test_a_name_must_be_a_lower_case_identifier(name, tmp_path):
    with pytest.raises(UsageError, match="cannot be the name"):
        new_method(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_built_in_name_is_taken(tmp_path):
    with pytest.raises(UsageError, match="There is a method 'replace' already"):
        new_method("replace", tmp_path)


def test_the_commands_from_new_to_check(tmp_path, monkeypatch, capsys, registries):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "new", "method", "my_filter") == 0
    printed = capsys.readouterr().out
    assert "collapsebench check my_filter.py" in printed
    assert "collapsebench run --method my_filter --plugin my_filter.py" in printed
    assert run(monkeypatch, "check", "my_filter.py", "--task", "gaussian") == 0
    assert "method my_filter: all checks passed" in capsys.readouterr().out
    assert run(monkeypatch, "new", "method", "my_filter") == 2


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
