import importlib.metadata
import shutil
import sys
from types import SimpleNamespace

import pytest

from collapsebench.cli import main
from collapsebench.cli.doctor import examine
from collapsebench.core.method import METHODS


@pytest.fixture
def findings(tmp_path):
    """Findings by subject."""
    return lambda store=tmp_path / "store": {finding.subject: finding for finding in examine(store)}


def run(monkeypatch, store):
    monkeypatch.setattr(sys, "argv", ["collapsebench", "doctor", "--store", str(store)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code or 0


def test_a_sound_installation_has_nothing_that_fails(findings, tmp_path, monkeypatch, capsys):
    found = findings()
    assert {"python", "torch", "threads", "GPU", "cores", "memory", "store", "disk", "methods", "tasks"} <= set(found)
    assert [finding for finding in found.values() if finding.level == "fail"] == []
    assert "purify: frozen, oracle" in found["references"].found
    assert "replace" in found["methods"].found and "gaussian" in found["tasks"].found
    assert not (tmp_path / "store").exists(), "The doctor only looks."
    assert run(monkeypatch, tmp_path / "store") == 0
    assert "Nothing prevents a run" in capsys.readouterr().out


def test_packages_out_of_range_and_missing_ones_fail_those_of_an_extra_warn(findings, monkeypatch):
    needed = ["torch>=99", "no-such-package-here>=1", "pytest>=99; extra == 'dev'", "no-such-extra>=1; extra == 'lora'"]
    monkeypatch.setattr("importlib.metadata.requires", lambda name: needed)
    found = findings()
    assert (found["torch"].level, found["torch"].hint) == ("fail", "pip install 'torch>=99'")
    assert (found["no-such-package-here"].level, found["no-such-package-here"].found) == ("fail", "not installed")
    assert found["pytest"].level == "warn"
    assert "no-such-extra" not in found


def test_engines_are_named_with_what_they_need(findings, monkeypatch):
    there = {"ray": "2.60.0", "submitit": "1.5.4"}
    installed = importlib.metadata.version

    def version(package):
        if package == "submitit" and package not in there:
            raise importlib.metadata.PackageNotFoundError(package)
        return there.get(package) or installed(package)

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert findings()["--executor ray"].found == "ray 2.60.0"
    assert findings()["--executor slurm"].found == "submitit 1.5.4, but no sbatch here: use it on a login node"
    del there["submitit"]
    found = findings()["--executor slurm"]
    assert (found.level, found.found) == ("ok", "submitit is not installed: pip install 'collapsebench[slurm]'")


def test_an_unsupported_python_fails(findings, monkeypatch):
    monkeypatch.setattr("platform.python_version", lambda: "3.9.1")
    assert (findings()["python"].level, findings()["python"].hint) == ("fail", "Use Python >=3.11.")


def test_a_store_under_a_file_fails(findings, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    assert findings(tmp_path / "file" / "store")["store"].level == "fail"
    assert run(monkeypatch, tmp_path / "file" / "store") == 1
    assert "To fix: store." in capsys.readouterr().out


@pytest.mark.parametrize(("free", "level"), [(50 * 2**30, "ok"), (2**30, "warn"), (2**20, "fail")])
def test_disk_space(free, level, findings, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    assert findings()["disk"].level == level


def test_data_folder(findings, tmp_path, monkeypatch):
    monkeypatch.delenv("COLLAPSEBENCH_DATA", raising=False)
    assert findings()["COLLAPSEBENCH_DATA"].level == "ok"
    monkeypatch.setenv("COLLAPSEBENCH_DATA", str(tmp_path / "absent"))
    assert findings()["COLLAPSEBENCH_DATA"].level == "fail"
    (tmp_path / "a").mkdir()
    monkeypatch.setenv("COLLAPSEBENCH_DATA", str(tmp_path))
    assert findings()["COLLAPSEBENCH_DATA"].found.endswith("1 entries")


def test_cache_folder(findings, tmp_path, monkeypatch):
    monkeypatch.setenv("COLLAPSEBENCH_CACHE", str(tmp_path / "cache"))
    assert findings()["COLLAPSEBENCH_CACHE"].level == "ok"
    assert str(tmp_path / "cache") in findings()["COLLAPSEBENCH_CACHE"].found
    (tmp_path / "file").touch()
    monkeypatch.setenv("COLLAPSEBENCH_CACHE", str(tmp_path / "file" / "cache"))
    assert findings()["COLLAPSEBENCH_CACHE"].level == "warn"


def test_a_plugin_that_cannot_be_imported_and_missing_references_fail(findings, monkeypatch):
    monkeypatch.setattr(METHODS, "unavailable", lambda: {"mine": "ImportError: no module named x"})
    monkeypatch.setattr(METHODS, "names", lambda: ["replace", "frozen"])
    found = findings()
    assert found["method mine"].level == "fail" and "no module named x" in found["method mine"].found
    assert found["references"].found == (
        "missing: take_newest (purify), oracle (purify), more_real (grow), any (curve)"
    )
