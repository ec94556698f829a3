"""What travels to the arm is what the digest counts, and no more."""

import ast

import pytest

from collapsebench import PluginError
from collapsebench.arm.source import counted, source_of
from collapsebench.core.digests import plugin_code
from collapsebench.core.method import METHODS
from collapsebench.core.registry import load_file
from collapsebench.core.shipped import builtin_folder
from collapsebench.loop.plugins import make_method
from collapsebench.testing import tiny_run

SHIPPED = sorted([*builtin_folder("methods").glob("*.py"), *builtin_folder("tasks").glob("*/*.py")])

METHOD = """
from collapsebench import Method, MethodCard, method
from .words import share

@method("{name}")
class Reader(Method):
    '''Read.'''
    card = MethodCard(title="Reader")
    files = ("numbers.txt",)

    def curate(self, arrivals, ctx):
        ctx.log("share", share())
        ctx.log("number", float(self.data_file("numbers.txt").read_text()))
        return arrivals
"""


def test_by_hand():
    text = '"""What it is."""\nx = 1  # one\n\ndef f():\n    """Do\n    it."""\n    return "# no comment"  # ü\n'
    assert counted(text) == '""\nx = 1  \n\ndef f():\n    ""\n\n    return "# no comment"  \n'


def test_letters_of_several_bytes_move_nothing():
    assert counted("é = 'ü'; '''ö'''; ä = 2  # ß\n") == "é = 'ü'; \"\"; ä = 2  \n"


def test_docstrings_stay_where_they_are_read():
    assert "What" in counted('"""What it is."""\nprint(__doc__)  # it\n')


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_shipped_file_keeps_its_code_and_its_lines(path):
    def code(text):
        nodes = [node for node in ast.walk(ast.parse(text)) if not isinstance(node, ast.Expr)]
        return [(type(node), getattr(node, "lineno", 0)) for node in nodes if not isinstance(node, ast.Constant)]

    text = path.read_text(encoding="utf-8")
    assert code(counted(text)) == code(text)


@pytest.fixture
def folder(tmp_path, registries):
    (tmp_path / "words.py").write_text("# A comment.\ndef share():\n    return 0.25\n")
    (tmp_path / "numbers.txt").write_text("3")
    (tmp_path / "other.py").write_text("SECRET = 1\n")
    (tmp_path / "reader.py").write_text(METHOD.format(name="reader"))
    return tmp_path


def test_siblings_and_data_files_travel_and_nothing_else(folder):
    source = source_of(folder / "reader.py", ("numbers.txt",))
    assert sorted(source["texts"]) == ["reader.py", "words.py"]
    assert bytes(source["files"]["numbers.txt"].numpy()) == b"3"
    load_file(folder / "reader.py")
    assert tiny_run(make_method("reader", {})).log == {"share": 0.25, "number": 3}


@pytest.mark.parametrize(
    ("file", "text", "stale"),
    [
        ("words.py", "def share():\n    return 0.5\n", True),
        ("words.py", "def share():\n    return 0.25  # another comment\n", False),
        ("numbers.txt", "4", True),
        ("other.py", "SECRET = 2\n", False),
    ],
)
def test_what_travels_is_part_of_the_key(folder, file, text, stale):
    def code():
        plugin_code.cache_clear()
        METHODS._classes.pop("reader", None)
        load_file(folder / "reader.py")
        return plugin_code(METHODS.get("reader"))

    from collapsebench.core import digests

    before = code()
    (folder / file).write_text(text)
    digests._installed.cache_clear()
    assert (code().digest != before.digest) is stale


def test_a_file_that_is_not_declared_is_refused(folder):
    text = METHOD.format(name="undeclared").replace('    files = ("numbers.txt",)\n', "")
    (folder / "undeclared.py").write_text(text)
    load_file(folder / "undeclared.py")
    with pytest.raises(PluginError, match=r"reads 'numbers.txt', which it does not declare"):
        tiny_run(make_method("undeclared", {}))


@pytest.mark.parametrize("name", ["missing.txt", "../up.txt", "/etc/hostname", "link.txt"])
def test_a_file_that_is_not_beside_it_is_refused(folder, name):
    (folder / "link.txt").symlink_to("/etc/hostname")
    (folder / "far.py").write_text(METHOD.format(name="far").replace("numbers.txt", name))
    with pytest.raises(PluginError, match="no plain file"):
        load_file(folder / "far.py")


def test_its_comments_and_docstrings_do_not_exist_there(folder):
    text = METHOD.format(name="mute").replace("'''Read.'''", "'''0.75'''").replace('    files = ("numbers.txt",)\n', "")
    seen = "'0.' + '75' in text or 'com' + 'ment' in text"
    curate = (
        f"        text = open(__file__).read()\n        ctx.log('seen', {seen})\n        return arrivals  # comment\n"
    )
    text = text.partition("        ctx.log")[0] + curate
    (folder / "mute.py").write_text(text)
    load_file(folder / "mute.py")
    assert tiny_run(make_method("mute", {})).log == {"seen": 0}
