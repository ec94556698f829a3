"""The workflows for pull requests: what they may do, and how a stranger's pull request is judged in a sandbox."""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))


def workflow(name):
    content = yaml.safe_load((GITHUB / "workflows" / f"{name}.yml").read_text(encoding="utf-8"))
    (job,) = content["jobs"].values()
    return content[True], job["steps"]  # YAML's idea of the key `on`


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_pull_request_gets_no_secret_and_can_write_nothing(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert content["permissions"] == {"contents": "read"}
    assert "secrets." not in path.read_text(encoding="utf-8")
    for job in content["jobs"].values():
        assert "permissions" not in job
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")  # what a title or branch says is never part of a script
            subprocess.run(["bash", "-n", "-c", step.get("run", "")], check=True)
            if "uses" in step:
                assert len(step["uses"].partition("@")[2]) == 40  # a commit, which nobody moves
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False


def test_the_judge_is_the_base_branchs_and_the_pull_request_is_never_checked_out():
    triggers, steps = workflow("submission")
    assert list(triggers) == ["pull_request_target"]  # on `pull_request` GitHub takes the workflow of the pull request
    checkouts = [step["with"]["ref"] for step in steps if step.get("uses", "").startswith("actions/checkout")]
    assert checkouts == ["${{ github.event.pull_request.base.sha }}"]
    scripts = "\n".join(step.get("run", "") for step in steps)
    assert not any(word in scripts for word in ("checkout", "switch", "restore", "worktree", "merge --", "git pull"))
    installs = [line for line in scripts.splitlines() if "pip" in line]
    assert installs and all("--require-hashes" in line for line in installs)


def test_a_strangers_plug_ins_are_refused_before_ci_runs_anything():
    triggers, (checkout, refusal, *_) = workflow("ci")
    assert "pull_request_target" not in triggers
    assert checkout["uses"].startswith("actions/checkout") and "refs" not in str(checkout)
    assert "head.repo.full_name != github.repository" in refusal["if"]


@pytest.mark.parametrize(("touched", "code"), [("methods/mine.py", 1), ("src/mine.py", 0)])
def test_what_ci_refuses(touched, code, tmp_path):
    _, (_, refusal, *_) = workflow("ci")
    repository = Repository(tmp_path)
    base = repository.commit({"README.md": "x"})
    repository.commit({touched: "x"})
    ran = subprocess.run(["bash", "-e", "-c", refusal["run"]], cwd=tmp_path, env={**os.environ, "BASE": base})
    assert ran.returncode == code


# -- pull requests, for real -----------------------------------------------------------------------------------------


class Repository:
    """A git repository.

    Args:
        folder: its work tree.
    """

    def __init__(self, folder):
        self.folder = folder
        self.git("init", "--quiet")

    def git(self, *words):
        config = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.fsync=none"]
        ran = subprocess.run(["git", *config, *words], cwd=self.folder, check=True, capture_output=True, text=True)
        return ran.stdout.strip()

    def commit(self, files=None):
        """Write files, None for one that goes, and commit all."""
        for name, content in (files or {}).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            elif isinstance(content, Path):
                path.symlink_to(content)
            else:
                path.write_text(textwrap.dedent(content), encoding="utf-8")
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--message", "x")
        return self.git("rev-parse", "HEAD")


METHOD = """
    from dataclasses import dataclass

    from collapsebench import Method, MethodCard, method
    {top}

    @method("mine")
    @dataclass(frozen=True)
    class Mine(Method):
        \"\"\"Train on what arrived.\"\"\"

        card = MethodCard(title="Mine")

        def curate(self, arrivals, ctx):
            {body}
            return arrivals
"""

COIN = """
    from dataclasses import dataclass

    from collapsebench import task, testing


    @task("coin")
    @dataclass(frozen=True)
    class Coin(testing.Toy):
        \"\"\"The numbers 1..n.\"\"\"

        noise: float = 0.1
        rules = {"n": 4, "seeds": 2, "generations": 2}
"""


def method(top="", body="pass"):
    return METHOD.format(top=top, body=body)


def collapsebench(folder, *words):
    """Run a command with the source of a folder, outside of any sandbox."""
    command = [sys.executable, "-m", "collapsebench", *words]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="module")
def base():
    """A base branch with this source and a board of a task of four numbers; and the commit of it."""
    with tempfile.TemporaryDirectory(prefix="collapsebench-base-") as folder:
        os.chmod(folder, 0o755)  # the judge is not root
        (Path(folder) / "repository").mkdir()
        yield make_base(Path(folder) / "repository")


def make_base(folder):
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("src", "methods", ".github"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    repository = Repository(folder)
    repository.commit({"tasks/coin/task.py": COIN})
    listing = "from collapsebench.core.shipped import write_list; write_list()"
    subprocess.run([sys.executable, "-c", listing], env={**os.environ, "PYTHONPATH": str(folder / "src")}, check=True)
    run(folder, "real_mix")
    return repository, repository.commit()


def run(folder, name):
    store = folder.with_name("store")
    collapsebench(folder, "run", "--task", "coin", "--method", name, "--workers", "0", "--store", str(store))


@pytest.fixture
def judged(base, sandbox):
    """Judge a pull request of these files, made by `prepare` too: the exit code, and what was printed."""
    repository, commit = base

    def judge(files, prepare=lambda folder: None):
        repository.git("checkout", "--quiet", "--detach", commit)
        try:
            repository.commit({"more": repr(files), **files})
            prepare(repository.folder)
            head = repository.commit({"done": repr(files)})
        finally:
            repository.git("checkout", "--quiet", "--force", "--detach", commit)
            repository.git("clean", "--quiet", "-d", "--force")
        words = [sys.executable, "-I", str(repository.folder / ".github/submission.py"), str(repository.folder)]
        ran = subprocess.run(as_on_a_runner([*words, commit, head]), input="", capture_output=True, text=True)
        assert "Traceback" not in ran.stderr
        return ran.returncode, ran.stdout

    return judge


def as_on_a_runner(words):
    """A command as somebody who is not root: for root, a sandbox cannot hold another one."""
    if os.getuid():
        return words
    python, seen = Path(sys.base_prefix), []
    for closed in [folder for folder in python.parents if not folder.stat().st_mode & 0o001][-1:]:  # root's own home
        inside = str(closed / python.relative_to(closed).parts[0])
        seen = ["--perms", "0755", "--tmpfs", str(closed), "--ro-bind", inside, inside]
    outer = ["bwrap", "--cap-add", "ALL", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--bind", "/proc", "/proc"]
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    trust = ["GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"]
    return [*outer, *seen, "--", *nobody, "env", *trust, *words]


@pytest.mark.sandbox
def test_an_honest_pull_request_passes(judged):
    code, out = judged(
        {"methods/mine.py": method(), "README.md": "Mine is the best."}, lambda folder: run(folder, "mine")
    )
    assert (code, out.splitlines()[-1]) == (0, "Passed."), out
    assert "method mine: all checks passed" in out
    assert "verify leaderboards/own-coin/records/mine.jsonl --cells 1" in out
    assert "Left out, as the base branch's own judges: 'README.md'" in out


FORGERY = """
import os, socket, sys
print("Passed.")
for number in range(64):
    try:
        end = socket.socket(fileno=os.dup(number))
        end.sendall(end.recv(100, socket.MSG_DONTWAIT) + b" 0")
    except OSError:
        pass
os.read(0, 1000)
"""

ATTACKS = {
    "ends the process as it is imported": (
        {"methods/mine.py": method("import os; os._exit(0)")},
        "check methods/mine.py",
    ),
    "ends the process in curate": ({"methods/mine.py": method("import os", "os._exit(0)")}, "check methods/mine.py"),
    "is a task that ends the process": (
        {"tasks/fair/task.py": "import os; os._exit(0)\n"},
        "check tasks/fair/task.py",
    ),
    "says that it has passed": (
        {"methods/mine.py": method(f"exec({FORGERY!r})", "1 / 0")},
        "check methods/mine.py",
    ),
    "brings its own judge": (
        {
            "methods/mine.py": method("", "1 / 0"),
            "src/collapsebench/__main__.py": f"exec({FORGERY!r})\n",
            "pyproject.toml": "",
            ".github/submission.py": "print('Passed.')\n",
            "sitecustomize.py": f"exec({FORGERY!r})\n",
        },
        "check methods/mine.py does not pass",
    ),
}


@pytest.mark.sandbox
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_pull_request_that(attack, judged):
    files, said = ATTACKS[attack]
    code, out = judged(files)
    assert code == 1
    assert f"Refused: collapsebench {said}" in out
    assert out.splitlines()[-1] != "Passed."


FIGURE = "leaderboards/own-coin/curves/coin/preserve.svg"


@pytest.mark.sandbox
def test_a_figure_with_a_script_is_refused(judged):
    def prepare(folder):
        drawn = (folder / FIGURE).read_text(encoding="utf-8")
        (folder / FIGURE).write_text(drawn.replace("</svg>", "<script>alert(1)</script></svg>"), encoding="utf-8")

    code, out = judged({}, prepare)
    assert code == 1
    assert f"{FIGURE}: no record gives this file" in out
    assert "Refused: collapsebench leaderboard --check --strict does not pass; its exit code is 4." in out


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"leaderboards/own-coin/verified/mine.json": "{}"}, "only maintainers sign records"),
        ({"leaderboards/own-coin/records/real_mix.jsonl": None}, "is removed: maintainers do that"),
        ({"leaderboards/index.html": "<p>"}, "is no plug-in, record, page, figure or sample"),
        ({"leaderboards/own-coin/x.svg.html": "<p>"}, "is no plug-in, record, page, figure or sample"),
        ({"methods/link.py": Path("/etc/passwd")}, "is a link or a module, not a file"),
        ({"methods/a\nb.py": "x"}, "has a name of other than letters"),
        ({"methods/--help.py": "x"}, "has a name of other than letters"),
        ({"leaderboards/.gitattributes": "* export-ignore"}, "or is hidden"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_files_that_nobody_submits_are_refused_by_name(files, said, judged):
    code, out = judged(files)
    assert code == 1
    assert said in out, out
