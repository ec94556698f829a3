import hashlib
from dataclasses import dataclass

from collapsebench.core.files import content_digest
from collapsebench.loop.cell import task_key


def test_a_digest_holds_what_lies_there_and_not_where(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "weights").write_bytes(b"1 2 3")
    one, other = content_digest(tmp_path / "a"), content_digest(tmp_path / "b")
    assert one == other
    inner = hashlib.sha256(b"1 2 3").hexdigest()
    assert one == hashlib.sha256(f"deep/weights\0{inner}\0".encode()).hexdigest()
    (tmp_path / "b" / "deep" / "weights").write_bytes(b"1 2 4 5")
    assert content_digest(tmp_path / "b") != one
    assert content_digest(tmp_path / "a" / "deep" / "weights") != ""
    assert content_digest(tmp_path / "nowhere") == ""


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
