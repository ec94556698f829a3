"""The workflows for pull requests: what they may do, and what the script in the container runs."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

GITHUB = Path(__file__).parents[1] / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_pull_request_gets_no_secret_and_can_write_nothing(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    triggers = workflow[True]  # YAML's idea of the key `on`
    assert "pull_request" in triggers
    assert "pull_request_target" not in triggers
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in path.read_text(encoding="utf-8")
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")  # what a title or branch says is never part of a script
            if "uses" in step:
                assert len(step["uses"].partition("@")[2]) == 40  # a commit, which nobody moves
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False


def test_strangers_code_runs_without_network_and_from_the_base_branchs_script():
    (job,) = yaml.safe_load((GITHUB / "workflows" / "submission.yml").read_text(encoding="utf-8"))["jobs"].values()
    scripts = [step["run"] for step in job["steps"] if "run" in step]
    runs = [script for script in scripts if "docker run" in script]
    assert len(runs) == 1
    for option in ("--network none", "--cap-drop ALL", "--read-only", ":/repo:ro", "no-new-privileges"):
        assert option in runs[0]
    assert not any("pip" in script or "collapsebench check" in script for script in scripts)
    for script in scripts:
        subprocess.run(["bash", "-n", "-c", script], check=True)


@pytest.fixture
def touched(tmp_path):
    """Run the script on names of files, some of which are there, with a `collapsebench` that only says its words."""
    stub = tmp_path / "bin" / "collapsebench"
    stub.parent.mkdir()
    stub.write_text('#!/bin/sh\necho "$@" >> "$CALLS"\ncase "$*" in *broken*) exit 3;; esac\n')
    stub.chmod(0o755)

    def run(*names, there=None):
        for name in names if there is None else there:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        calls = tmp_path / "calls"
        calls.write_text("")
        ran = subprocess.run(
            ["bash", str(GITHUB / "submission.sh")],
            input="".join(f"{name}\0" for name in names),
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{stub.parent}:{os.environ['PATH']}", "CALLS": str(calls)},
            capture_output=True,
            text=True,
        )
        return ran.returncode, calls.read_text().splitlines(), ran.stderr

    return run


def test_touched_plug_ins_are_checked_and_touched_records_verified(touched):
    code, calls, _ = touched(
        "methods/mine.py",
        "tasks/coins/task.py",
        "tasks/coins/task.yaml",
        "leaderboards/quick/records/mine.jsonl",
        "leaderboards/stories/records/mine.jsonl",
        "README.md",
    )
    assert code == 0
    assert calls == [
        "check methods/mine.py",
        "verify leaderboards/quick/records/mine.jsonl --cells 1",
        "verify leaderboards/stories/records/mine.jsonl --cells 0",
        "check tasks/coins/task.py",
        "leaderboard --check",
    ]


def test_everything_is_looked_at_before_the_script_fails(touched):
    code, calls, _ = touched("methods/broken.py", "methods/mine.py")
    assert code == 1
    assert calls == ["check methods/broken.py", "check methods/mine.py"]


def test_a_file_that_was_removed_is_not_looked_for(touched):
    assert touched("methods/old.py", "leaderboards/quick/records/old.jsonl", there=[])[:2] == (
        0,
        ["leaderboard --check"],
    )


def test_nobody_signs_their_own_records(touched):
    code, _, err = touched("leaderboards/quick/verified/mine.json")
    assert code == 1
    assert "only maintainers sign" in err


def test_names_are_words_and_never_commands(touched):
    code, calls, _ = touched("methods/a b; echo $(id).py", "methods/--help.py", "methods/é\n.py")
    assert code == 0
    assert calls == ["check methods/a b; echo $(id).py", "check methods/--help.py", "check methods/é", ".py"]


def test_nothing_touched_is_fine(touched):
    assert touched() == (0, [], "")
