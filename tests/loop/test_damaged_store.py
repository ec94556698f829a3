"""Whatever stands in the place of a file of the store, the cell ends with the same records, and a line says it."""

import logging
import os

import pytest

from collapsebench.loop.runner import run_cell
from collapsebench.loop.store import _write_sealed


def folder_there(path):
    path.unlink()
    (path / "inside").mkdir(parents=True)


def loop_there(path):
    path.unlink()
    path.symlink_to(path)


def sealed(content):
    return lambda path: _write_sealed(path, content)


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 64
    path.write_bytes(content)


DAMAGE = {
    "folder": folder_there,
    "symlink loop": loop_there,
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "flipped": flipped,
    "not UTF-8": lambda path: path.write_bytes(b"\xff\xfe\n" * 9),
    "sealed list": sealed([1]),
    "sealed text": sealed("x"),
    "sealed without keys": sealed({}),
    "sealed wrong types": sealed({"cell": 3, "spec": [], "records": {}, "digest": 1, "costs": 2, "log": 0, "facts": 0}),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
@pytest.mark.parametrize("kind", ["DONE", "records.jsonl", "manifest.json", "fit/*.json", "fit/*.safetensors"])
def test_a_damaged_file_is_repaired(make_cell, store, caplog, kind, damage):
    cell = make_cell("toy_blend", "toy_sgd", generations=2)
    whole = run_cell(cell, store)
    files = sorted(store.root.rglob(kind))
    if "/" in kind:  # a stage is looked at when the cell runs again
        next(store.root.rglob("DONE")).unlink()
    for path in files:
        damage(path)

    with caplog.at_level(logging.WARNING):
        again = run_cell(cell, store)

    assert files
    assert again.same_result(whole)
    assert run_cell(cell, store).same_result(whole)
    if damage is folder_there and kind != "manifest.json":  # a manifest is only written
        assert "is not a file; it is called" in caplog.text
        assert [path for path in store.root.rglob("*.damaged-*") if (path / "inside").is_dir()]


@pytest.mark.parametrize("kind", ["curate", "evaluate"])
def test_the_note_of_another_stage_is_not_taken(make_cell, store, caplog, kind):
    whole = run_cell(make_cell("toy_blend", "toy_sgd", generations=2), store)
    other = run_cell(make_cell("toy_blend", "toy_sgd", generations=2, seed=1), store)
    assert not other.same_result(whole)
    notes = sorted((store.root / "stages" / kind).glob("*.json"))
    assert len(notes) > 1
    contents = [note.read_bytes() for note in notes]
    for note, content in zip(notes, [*contents[1:], contents[0]], strict=True):
        note.write_bytes(content)
    for done in store.root.rglob("DONE"):
        done.unlink()

    with caplog.at_level(logging.WARNING):
        again = run_cell(make_cell("toy_blend", "toy_sgd", generations=2), store)

    assert again.same_result(whole)
    assert "is damaged; computing it again" in caplog.text


def test_the_files_of_another_cell_are_not_taken(make_cell, store):
    cells = [make_cell("toy_blend", "toy_sgd", generations=2, share=share) for share in (0.25, 0.75)]
    whole, _ = [run_cell(cell, store) for cell in cells]
    one, other = [path.parent for path in sorted(store.root.rglob("DONE"))]
    for name in ("DONE", "records.jsonl", "manifest.json"):
        first, second = (one / name).read_bytes(), (other / name).read_bytes()
        (one / name).write_bytes(second)
        (other / name).write_bytes(first)
    assert run_cell(cells[0], store).same_result(whole)
