import re

import pytest

from collapsebench import PluginError
from collapsebench.core.errors import UsageError
from collapsebench.core.method import METHODS, Method
from collapsebench.core.registry import Registry, load_file, load_plugins
from collapsebench.core.shipped import builtin_folder
from collapsebench.core.task import TASKS

METHOD = """
from dataclasses import dataclass
from collapsebench import Method, MethodCard, method

@method("{name}")
@dataclass(frozen=True)
class Some(Method):
    card = MethodCard(title="Some")

    def curate(self, synthetic, ctx):
        return synthetic
"""


@pytest.fixture
def plugin(tmp_path, registries):
    """Writes a plug-in file and gives its path."""

    def write(name, text=METHOD, folder="plugins"):
        path = tmp_path / folder / "mine.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(name=name))
        return path

    return write


def test_built_in_plugins_are_found_in_their_folders():
    assert {"replace", "frozen", "fresh_real", "accumulate", "token_edit"} <= set(METHODS.names())
    assert {"gaussian", "categorical", "arithmetic"} <= set(TASKS.names())
    assert METHODS.get("replace").name == "replace"
    assert (builtin_folder("methods") / "replace.py").is_file()
    assert METHODS.origin("replace").rpartition("/")[2].startswith("replace.py:")


def test_a_plugin_file_is_loaded_once(plugin):
    path = plugin("from_file")
    assert load_file(path) is load_file(path)
    assert METHODS.get("from_file").name == "from_file"
    assert METHODS.origin("from_file").startswith(str(path))


def test_an_unknown_name_gets_the_nearest_one_as_hint():
    with pytest.raises(UsageError, match=r"Unknown method 'token_edt'\.") as error:
        METHODS.get("token_edt")
    assert error.value.hint == "Did you mean 'token_edit'?"
    with pytest.raises(UsageError) as error:
        TASKS.get("zzzz")
    assert error.value.hint.startswith("Known: ") and "gaussian" in error.value.hint


@pytest.mark.parametrize("folders", [("a", "b"), ("a/plugins", "b/plugins")])
def test_a_name_that_is_taken_names_both_files(plugin, folders):
    """Also where both files have the same name in folders of the same name."""
    first, second = (plugin("twice", folder=folder) for folder in folders)
    load_file(first)
    with pytest.raises(PluginError, match="Method 'twice' is defined twice") as error:
        load_file(second)
    assert str(first) in error.value.message and str(second) in error.value.message
    assert METHODS.origin("twice").startswith(str(first))


def test_a_name_of_a_built_in_method_is_taken(plugin):
    with pytest.raises(PluginError, match=r"Method 'replace' is defined twice: .*replace\.py and .*mine\.py"):
        load_file(plugin("replace"))


def test_a_file_that_is_not_there_is_a_users_mistake(tmp_path):
    with pytest.raises(UsageError, match="No plug-in file"):
        load_plugins([tmp_path / "missing.py"])
    (tmp_path / "protocol.yaml").write_text("name: mine")
    with pytest.raises(UsageError, match="No plug-in file"):
        load_plugins([tmp_path / "protocol.yaml"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_module_{name}", "ModuleNotFoundError: No module named 'no_such_module_broken'"),
        ("x = (", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_file_that_raises_is_named_with_the_reason(plugin, text, reason):
    path = plugin("broken", text)
    with pytest.raises(PluginError) as error:
        load_file(path)
    assert str(path) in error.value.message and reason in error.value.message


def test_a_plugin_that_fails_after_registering_leaves_nothing_behind(plugin):
    with pytest.raises(PluginError):
        load_file(plugin("halfway", METHOD + "\n1 / 0\n"))
    assert "halfway" not in METHODS.names()
    load_file(plugin("halfway"))  # the mended file takes the name
    assert METHODS.get("halfway").name == "halfway"


def test_what_registers_must_be_a_method_with_a_card(registries):
    with pytest.raises(PluginError, match="Method 'wrong' must extend Method"):
        METHODS.register("wrong", int)

    class Cardless(Method):
        pass

    with pytest.raises(PluginError, match="Method 'cardless' has no card") as error:
        METHODS.register("cardless", Cardless)
    assert "card = MethodCard(title=" in error.value.hint


@pytest.mark.parametrize("name", ["a/b", "", "../up", "two words", ".hidden"])
def test_a_name_must_be_able_to_name_a_file(registries, name):
    with pytest.raises(PluginError, match=f"Method '{re.escape(name)}' has a name that cannot name a file"):
        METHODS.register(name, METHODS.get("replace"))


def test_built_in_plugins_that_cannot_be_imported_are_listed_with_the_reason(tmp_path, monkeypatch, registries):
    (tmp_path / "fine.py").write_text(METHOD.format(name="fine"))
    (tmp_path / "broken.py").write_text("import no_such_module")
    monkeypatch.setattr("collapsebench.core.registry.builtin_folder", lambda name: tmp_path)
    registry = Registry(Method, "*.py", guests="collapsebench.arm.guest")
    monkeypatch.setattr("collapsebench.arm.guest.METHODS", registry)

    assert registry.names() == ["fine"]
    assert "No module named 'no_such_module'" in registry.unavailable()["broken"]
    with pytest.raises(PluginError, match=r"Method 'broken' cannot be used: .*no_such_module"):
        registry.get("broken")


def test_entry_points_of_installed_packages_are_loaded(tmp_path, monkeypatch, registries):
    (tmp_path / "plugged_in_package.py").write_text(METHOD.format(name="plugged_in"))
    info = tmp_path / "plugged_in-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged-in\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[collapsebench.methods]\nplugged_in = plugged_in_package\nmissing = no_such_package\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry(Method, "*.py")
    monkeypatch.setattr("collapsebench.core.registry.builtin_folder", lambda name: tmp_path / "none")
    monkeypatch.setattr("collapsebench.core.method.METHODS", registry)

    assert registry.names() == ["plugged_in"]
    assert registry.unavailable() == {"missing": "ModuleNotFoundError: No module named 'no_such_package'"}
