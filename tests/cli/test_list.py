import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "lm_eval", "datasets", "scipy", "sklearn", "pandas", "matplotlib", "numpy")


def test_methods_are_listed_with_track_parameters_and_what_they_do(cli):
    ran = cli("list", "methods")
    assert ran.code == 0
    (line,) = [line for line in ran.out.splitlines() if line.strip().startswith("token_edit")]
    assert "anchored" in line and "threshold=0.99" in line and "redraw" in line
    (line,) = [line for line in ran.out.splitlines() if line.strip().startswith("replace")]
    assert "reference (preserve)" in line


def test_methods_are_listed_from_the_least_that_they_see_to_the_most(cli):
    names = [
        line.split()[0] for line in cli("list", "methods").out.splitlines() if line.startswith(" ") and line.split()
    ]
    order = [name for name in names if name in ("frozen", "accumulate", "token_edit", "verify_filter")]
    assert order == ["frozen", "accumulate", "token_edit", "verify_filter"]


def test_a_method_with_a_parameter_that_must_be_given_is_listed(cli, tmp_path):
    path = tmp_path / "needy.py"
    path.write_text(
        "from dataclasses import dataclass\n"
        "from collapsebench import Method, MethodCard, method\n"
        "@method('needy')\n@dataclass(frozen=True)\nclass Needy(Method):\n"
        "    k: int\n    card = MethodCard(title='Needy', access={'history'})\n"
        "    def curate(self, synthetic, ctx): return synthetic\n"
    )
    ran = cli("list", "methods", "--plugin", path)
    assert ran.code == 0
    (line,) = [line for line in ran.out.splitlines() if line.strip().startswith("needy")]
    assert "anchored" in line and " k " in line
    assert "MISSING" not in line


def test_tasks_are_listed_with_their_metric(cli):
    ran = cli("list", "tasks")
    (line,) = [line for line in ran.out.splitlines() if line.strip().startswith("gaussian")]
    assert "w2 (squared distance)" in line


def test_protocols_are_listed_with_their_sizes(cli):
    ran = cli("list", "protocols")
    assert any(line.strip().startswith("quick v") and "gaussian: preserve" in line for line in ran.out.splitlines())
    assert "arithmetic: preserve, purify-outside, grow" in ran.out


def test_a_plugin_that_cannot_be_imported_is_listed_with_the_reason(cli, monkeypatch):
    from collapsebench.core.method import METHODS

    monkeypatch.setattr(METHODS, "_unavailable", {"fancy": "No module named 'fancy_library'"})
    assert "unavailable: fancy: No module named 'fancy_library'" in cli("list", "methods").out


def test_an_unknown_kind_is_refused(cli):
    assert cli("list", "metods").code == 2


def test_the_version_is_printed(cli):
    import collapsebench

    assert cli("--version").out == f"collapsebench {collapsebench.__version__}\n"


def test_help_names_every_command(cli):
    out = cli("--help").out
    for command in ("run", "list", "leaderboard", "show", "new", "check", "doctor"):
        assert f" {command} " in out


@pytest.mark.parametrize(
    "words", [["--help"], ["run", "--help"], ["list", "methods"], ["list", "tasks"], ["list", "protocols"]]
)
def test_what_must_answer_at_once_imports_nothing_heavy(words):
    """torch stays a deferred module: its code, and with it `torch._C`, is never loaded."""
    code = (
        "import sys; from collapsebench.cli import app\n"
        f"try: app({words!r})\n"
        "except SystemExit as end: assert not end.code\n"
        f"heavy = [n for n in {HEAVY!r} if n in sys.modules and (n != 'torch' or 'torch._C' in sys.modules)]\n"
        "assert not heavy, heavy"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
