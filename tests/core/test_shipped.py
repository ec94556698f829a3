import shutil

import pytest

from collapsebench.core import shipped
from collapsebench.core.shipped import builtin_folder, is_shipped


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of the plug-ins that stands in their place."""
    for kind in ("methods", "tasks"):
        shutil.copytree(builtin_folder(kind), tmp_path / kind, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(shipped, "builtin_folder", lambda kind: tmp_path / kind)
    return tmp_path


def test_what_lies_in_the_folders_is_what_the_list_says(tmp_path, monkeypatch):
    committed = shipped.LIST.read_bytes()
    monkeypatch.setattr(shipped, "LIST", tmp_path / "shipped.json")
    shipped.write_list()
    assert shipped.LIST.read_bytes() == committed, "Run `make shipped`."


def test_a_plug_in_is_shipped_if_its_bytes_are(checkout):
    assert is_shipped(checkout / "methods" / "replace.py")
    assert is_shipped(checkout / "tasks" / "arithmetic" / "task.py")


def test_another_file_in_the_folder_is_not(checkout):
    (checkout / "methods" / "mine.py").write_text((checkout / "methods" / "replace.py").read_text())
    assert not is_shipped(checkout / "methods" / "mine.py")


def test_one_byte_more_is_not(checkout):
    with (checkout / "methods" / "replace.py").open("a") as file:
        file.write("\n")
    assert not is_shipped(checkout / "methods" / "replace.py")


def test_a_task_with_another_file_beside_it_is_not(checkout):
    (checkout / "tasks" / "arithmetic" / "torch.py").write_text("")
    assert not is_shipped(checkout / "tasks" / "arithmetic" / "task.py")


def test_a_copy_elsewhere_is_not(checkout, tmp_path_factory):
    copy = tmp_path_factory.mktemp("elsewhere") / "replace.py"
    shutil.copyfile(checkout / "methods" / "replace.py", copy)
    assert not is_shipped(copy)
