"""The walk-through of CONTRIBUTING.md, done as it is written; `check` has tests of its own."""

import re
import shlex
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"```console\n\$ collapsebench (.*?)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def walked(cli, monkeypatch):
    """What each command of the page says in eighty columns, with the output that the page shows."""
    monkeypatch.setenv("COLUMNS", "80")
    (protocol,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    Path("trial.yaml").write_text(protocol)
    Path("methods").mkdir()
    here = {"run": ("--workers", "0"), "verify": ("--workers", "0")}  # no process of their own
    said = {}
    for words, shown in CONSOLE:
        command = shlex.split(words)
        ran = cli(*command, *here.get(command[0], ()))
        assert ran.code == 0, words
        said[command[0]] = (shown, ran.out)
    return said


def digits_aside(text):
    """Lines as far as machines and loads agree: without numbers, widths of columns, and which cell is run again."""
    text = re.sub(r"(run again: \w+ on )[\w/]+", r"\1#", text)
    lines = (re.sub(r"[─\s]+", " ", re.sub(r"[\d.−-]+( ?[%k])?", "#", line)).strip() for line in text.splitlines())
    return [line for line in lines if line]


def test_the_commands_print_what_the_page_shows(walked):
    assert list(walked) == ["new", "run", "submit", "verify"]
    for shown, said in walked.values():
        missing = [line for line in digits_aside(shown.replace("...\n", "")) if line not in digits_aside(said)]
        assert missing == []


def test_the_method_of_the_page_is_the_one_that_is_written(cli):
    cli("new", "method", "half_new")
    (shown,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    written = Path("half_new.py").read_text()
    for line in (
        "share: Share = 0.5",
        'card = MethodCard(title="Half new", paper="", access=set())',
        "newest = round(",
    ):
        assert line in shown
        assert line in written


def test_every_command_of_the_page_exists():
    commands = set(re.findall(r"collapsebench ([a-z]+)", PAGE))
    assert {"new", "check", "run", "submit", "verify"} <= commands
