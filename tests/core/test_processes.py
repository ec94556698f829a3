"""Two processes that a launcher starts run one cell together and leave what one process alone leaves."""

import json
import socket
from pathlib import Path

import pytest
from launching import launched_together

from collapsebench.core import processes
from collapsebench.core.errors import UsageError

PROTOCOL = {
    "name": "pair",
    "version": 1,
    "description": "Two tiny cells.",
    "generations": 2,
    "seeds": 1,
    "tasks": {
        "gaussian": {"n": 20, "worlds": {"preserve": {}}},
        "arithmetic": {
            "n": 16,
            "worlds": {"purify-outside": {"k": 8}},
            "budget": {"steps": 4, "batch": 4},
            "params": {"max_operand": 3, "heldout": 4, "width": 8, "heads": 2},
        },
    },
}


def launch(folder: Path, count: int, **environment: str) -> None:
    """`collapsebench run` in so many processes."""
    (folder / "pair.yaml").write_text(json.dumps(PROTOCOL))
    command = ["-m", "collapsebench", "run", "--protocol", "pair.yaml", "--workers", "0"]
    outputs = launched_together(command, folder, count, **environment)
    assert b"Board:" in outputs[0]
    assert not any(outputs[1:])


def metrics(folder: Path) -> list[float]:
    """Every number that the run measured, cell by cell."""
    files = sorted((folder / ".collapsebench" / "cells").glob("*/*/*/records.jsonl"))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [float(value) for line in lines for value in line["metrics"].values()]  # records spell "nan" and "inf"


def test_one_process_is_the_main_one() -> None:
    assert (processes.count(), processes.is_main(), processes.from_main(lambda: 3)) == (1, True, 3)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of the first of two processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    for name, value in group.items():
        monkeypatch.setenv(name, value)
    return group


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORLD_SIZE", "two"),
        ("WORLD_SIZE", "0"),
        ("WORLD_SIZE", "9" * 5000),
        ("RANK", "2"),
        ("RANK", ""),
        ("LOCAL_RANK", "-1"),
        ("MASTER_PORT", "70000"),
    ],
)
def test_an_environment_that_no_launcher_sets_is_refused(
    name: str, value: str, launched: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert processes.count() == 2
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"The environment variable {name}=") as error:
        processes.is_main()
    assert len(error.value.message) < 120 and "accelerate launch" in error.value.hint


def test_a_process_whose_partner_never_starts_gives_up(
    launched: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0.5)
    with pytest.raises(UsageError, match=r"2 processes did not meet within 0\.5 seconds"):
        processes.from_main(lambda: 3)


def test_two_processes_give_what_one_gives_and_a_second_call_reuses_it(tmp_path: Path) -> None:
    """The model whole in each of them, and half of it in each."""
    alone, together, halves = tmp_path / "alone", tmp_path / "together", tmp_path / "halves"
    for folder, count, environment in (
        (alone, 1, {}),
        (together, 2, {}),
        (halves, 2, {"ACCELERATE_USE_FSDP": "true"}),
    ):
        folder.mkdir()
        launch(folder, count, **environment)
    expected = metrics(alone)
    for found in (metrics(together), metrics(halves)):
        assert len(found) == len(expected) > 0
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-3, nan_ok=True)
    before = {path: path.stat().st_mtime_ns for path in together.rglob("*.jsonl")}
    launch(together, 2)
    assert before.items() <= {path: path.stat().st_mtime_ns for path in together.rglob("*.jsonl")}.items()
