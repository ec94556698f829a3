"""Whatever stands in the place of a file of the store, the cell ends with the same records, and a line says it."""

import json
import logging
import os

import pytest

from collapsebench.core.files import sha256
from collapsebench.loop.runner import run_cell


def folder_there(path):
    path.unlink()
    (path / "inside").mkdir(parents=True)


def loop_there(path):
    path.unlink()
    path.symlink_to(path)


def sealed(content):
    line = json.dumps(content).encode()
    return lambda path: path.write_bytes(line + b"\n" + sha256(line).encode() + b"\n")


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
