"""Shipped plug-ins, and the templates for new ones, use the public packages only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "src" / "collapsebench" / "cli" / "templates"
FILES = sorted([*ROOT.glob("methods/*.py"), *ROOT.glob("tasks/*/*.py"), *TEMPLATES.glob("*.py.txt")])
PUBLIC = {"collapsebench", *(f"collapsebench.{name}" for name in ("learners", "scoring", "families", "laws", "data"))}


def imported(code: str) -> set[str]:
    """The modules of this package that some code imports, and private names as `module._name`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {f"{node.module}.{a.name}" if a.name.startswith("_") else str(node.module) for a in node.names}
    return {name for name in found if name.partition(".")[0] == "collapsebench"}


def test_what_counts_as_private():
    code = "from collapsebench import Task\ndef f():\n    from collapsebench.core import files"
    assert imported(code) - PUBLIC == {"collapsebench.core"}
    assert imported("import collapsebench.loop, torch") - PUBLIC == {"collapsebench.loop"}
    assert imported("from collapsebench.data import _x, load") - PUBLIC == {"collapsebench.data._x"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_plugin_imports_only_what_is_public(path):
    assert imported(path.read_text(encoding="utf-8").replace("$", "")) <= PUBLIC  # a template's fields become names
