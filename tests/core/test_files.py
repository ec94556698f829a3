import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from collapsebench.core import files


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path))
    assert files.cache_folder() == tmp_path


@pytest.mark.parametrize(
    ("platform", "variable", "inside"),
    [("linux", "XDG_CACHE_HOME", "collapsebench"), ("win32", "LOCALAPPDATA", "collapsebench/cache")],
)
def test_else_it_is_the_platforms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, variable: str, inside: str
) -> None:
    monkeypatch.delenv(files.CACHE_VARIABLE, raising=False)
    monkeypatch.setattr(files.sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert files.cache_folder() == tmp_path / inside


def test_a_digest_holds_what_lies_there_and_not_where(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "weights").write_bytes(b"1 2 3")
    one, other = files.content_digest(tmp_path / "a"), files.content_digest(tmp_path / "b")
    assert one == other
    inner = hashlib.sha256(b"1 2 3").hexdigest()
    assert one == hashlib.sha256(f"deep/weights\0{inner}\0".encode()).hexdigest()
    (tmp_path / "b" / "deep" / "weights").write_bytes(b"1 2 4 5")
    assert files.content_digest(tmp_path / "b") != one
    assert files.content_digest(tmp_path / "a" / "deep" / "weights") != ""
    assert files.content_digest(tmp_path / "nowhere") == ""


def test_only_what_no_living_process_can_use_is_a_leftover(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (dead := subprocess.Popen([sys.executable, "-c", ""])).wait()
    store, old = tmp_path / "store", time.time() - 2 * 3600
    gone = [
        tmp_path / "tmp" / f"collapsebench-verify-{dead.pid}-x",
        store / "stages" / ".key.json.0123456789ab",
        store / "cells" / "lock",
    ]
    stays = [
        tmp_path / "tmp" / f"collapsebench-verify-{os.getpid()}-x",
        tmp_path / "tmp" / "collapsebench-notes",
        store / "stages" / "key.json",
        store / "cells" / ".young.json.0123456789ab",
        store / "young" / "lock",
    ]
    for path in [*gone, *stays]:
        path.mkdir(parents=True) if path.parent.name == "tmp" else _write(path)
    for path in [*gone, *stays[:3]]:
        os.utime(path, (old, old))

    assert sorted(files.leftovers(store)) == sorted(gone)
    files.collect(files.leftovers(store))

    assert [path.exists() for path in gone] == [False] * 3
    assert all(path.exists() for path in stays)


def _write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
