"""A folder of real data made by the test, and the real one where it stands beside the checkout."""

import json
import lzma
import os
from pathlib import Path

import pytest

from collapsebench.data import FOLDER


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of real data."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


@pytest.fixture
def put(folder):
    """Writes a file into it: `put("a/b.jsonl.xz", records or text)`; packed by its suffix."""

    def write(path, what):
        text = what if isinstance(what, str) else "".join(json.dumps(record) + "\n" for record in what)
        content = lzma.compress(text.encode()) if path.endswith(".xz") else text.encode()
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    return write


@pytest.fixture
def real_data(monkeypatch):
    """The folder of real data that `COLLAPSEBENCH_DATA` names, or `../shared/data`."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    path = Path(os.environ.get(FOLDER, beside))
    if not path.is_dir():
        pytest.skip(f"no real data: {FOLDER} is not set and ../shared/data is not there")
    monkeypatch.setenv(FOLDER, str(path))
    return path
