import hashlib
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
