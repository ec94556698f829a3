"""What makes a cell stale, and what does not: every case edits a copy of the shipped sources."""

import ast
import functools
import json
import os
import re
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from collapsebench.core.digests import NEUTRAL, PACKAGE, CodeBase, file_source, module_code, plugin_code
from collapsebench.core.method import METHODS
from collapsebench.core.registry import load_file
from collapsebench.core.shipped import builtin_folder
from collapsebench.core.task import TASKS
from collapsebench.loop.cell import LOOP
from collapsebench.loop.lineage import Lineage
from collapsebench.testing.tiny import tiny_cell, tiny_task

# -- a package that can be read by hand ------------------------------------------------------------

SMALL = {
    "__init__": "from .core import Task",
    "core": "class Task:\n    steps = 2\n",
    "learner": "from .core import Task\nfrom .optimizer import rate\n\ndef fit():\n    return rate(3)\n",
    "optimizer": "from math import sqrt\n\ndef rate(x: int) -> float:\n    '''Words.'''\n    return sqrt(x)\n",
    "other": "from .learner import fit\n\ndef rate(x):\n    return x\n",
    "late/__init__": "if TYPE_CHECKING:\n    from ..optimizer import rate\n",
    "made/__init__": "from ..optimizer import rate\nfrom ..other import fit\n\ndef __getattr__(name):\n    return 1\n",
}
TASK = "from collapsebench import Task\nfrom collapsebench.learner import fit\n\nclass Mine(Task):\n    fit = fit\n"


@pytest.fixture
def small(tmp_path):
    """The code of a plug-in beside a package of few lines: `small(task text, module="text")`."""

    def code(task=TASK, **changed):
        folder = tmp_path / "collapsebench"
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in {**SMALL, **changed}.items():
            file = folder / f"{name}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (tmp_path / "mine.py").write_text(task)
        return CodeBase(folder).code(file_source(tmp_path / "mine.py"))

    return code


def test_code_rests_on_the_modules_that_define_the_names_it_uses_and_so_on(small):
    assert small().modules == ("core", "learner", "optimizer")
    assert small("from collapsebench import Task\n\nclass Mine(Task):\n    pass\n").modules == ("core",)
    assert small("x = 1\n").modules == ()


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("core", "class Task:\n    steps = 3\n"),
        ("learner", SMALL["learner"].replace("rate(3)", "rate(3) * 3")),
        ("optimizer", SMALL["optimizer"].replace("sqrt(x)", "sqrt(2 * x)")),
    ],
)
def test_a_change_of_what_it_rests_on_changes_the_harness_part_only(small, module, text):
    before, after = small(), small(**{module: text})
    assert after.own == before.own
    assert after.harness != before.harness
    assert after.digest != before.digest


def test_a_change_of_what_it_does_not_use_changes_nothing(small):
    assert small(other="def rate(x):\n    return 2 * x\n") == small()


@pytest.mark.parametrize(
    "text",
    [
        "import math\nfrom math import sqrt\n\ndef rate(x: int) -> float:\n    return sqrt(x)\n",
        "from math import sqrt\n# Why.\n\ndef rate(x: str) -> None:\n    '''Others.'''\n    return sqrt( x )\n",
        "def rate(x):\n    from math import sqrt\n    return sqrt(x)\n",
        "from math import sqrt\nif TYPE_CHECKING:\n    from .other import f\n\ndef rate(x: f):\n    return sqrt(x)\n",
        "from math import sqrt\n\n@override\ndef rate(x):\n    return sqrt(x)\n",
    ],
    ids=["an import", "words and types", "a late import", "an import for types", "an override"],
)
def test_layout_words_types_and_imports_do_not_count(small, text):
    assert small(optimizer=text) == small()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("from .optimizer import rate", "from .other import rate"),
        ("from .optimizer import rate", "from .core import Task as rate"),
        ("from .optimizer import rate", "from numpy import rate"),
    ],
)
def test_where_a_name_comes_from_counts_even_if_both_modules_are_used_anyway(small, old, new):
    task = TASK + "from collapsebench.other import rate\nfrom collapsebench import optimizer\nboth = rate, optimizer\n"
    assert small(task, learner=SMALL["learner"].replace(old, new)).digest != small(task).digest


def test_a_name_of_another_library_counts(small):
    assert small(optimizer=SMALL["optimizer"].replace("math", "numpy")).digest != small().digest


def test_names_are_followed_through_packages_that_pass_them_on(small):
    assert small("from collapsebench.late import rate\nx = rate\n").modules == ("optimizer",)
    assert small("from collapsebench import late\nx = late.rate\n").modules == ("optimizer",)
    assert small("from collapsebench import late\nx = late\n").modules == ("optimizer",)
    assert small("import collapsebench.optimizer as o\nx = o\n").modules == ("optimizer",)


def test_a_name_that_a_package_makes_when_asked_rests_on_all_that_the_package_imports(small):
    assert {"optimizer", "learner"} < set(small("from collapsebench.made import any\nx = any\n").modules)


def test_the_words_of_an_error_do_not_count_but_its_kind_does(small):
    def raising(error):
        return small(optimizer=f"def rate(x):\n    if x < 0:\n        raise {error}\n    return x\n")

    assert raising('ValueError("negative")') == raising('ValueError(f"{x} is below 0", "Give another.")')
    assert raising('ValueError("negative")') != raising('KeyError("negative")')


def test_a_docstring_counts_where_it_is_read(small):
    reading = "def rate(x):\n    '''Words.'''\n    return len(rate.__doc__)\n"
    assert small(optimizer=reading) != small(optimizer=reading.replace("Words", "Other words"))


def test_fields_of_a_class_count_and_their_types_do_not(small):
    def learner(fields):
        return small(core=f"class Task:\n    {fields}\n").digest

    assert learner("steps: int = 2") == learner("steps: float = 2") == small().digest
    assert learner("steps: int") != learner("more: int")


# -- the shipped sources ----------------------------------------------------------------------------

TEXT = {"babistories", "sft", "wikitext"}
LANGUAGE = TEXT | {"arithmetic", "storyworld"}
IMAGE = {"digits", "mnist"}
LABELS = {"digits_labels", "mnist_labels"}
GRADIENT = LANGUAGE | IMAGE | LABELS | {"mixture2d"}
ALL = set(TASKS.names())
METHOD_NAMES = set(METHODS.names())

STALE = {
    # learning rate, optimizer, order of rows
    ("learners/gradient.py", "Optimizer"): GRADIENT,
    ("learners/gradient.py", "build"): GRADIENT,
    ("learners/gradient.py", "batches"): GRADIENT,
    # learners
    ("learners/kde.py", "KernelDensityLearner"): {"kde"},
    ("learners/gaussian.py", "GaussianLearner"): {"gaussian"},
    ("learners/categorical.py", "CategoricalLearner"): {"categorical"},
    ("learners/linear.py", "LinearLearner"): {"regression", "shifted_regression"},
    ("learners/labelling.py", "Labeller"): LABELS,
    ("learners/flow.py", "FlowMatching"): {"mixture2d"},
    ("learners/grammar/program.py", "Grammar"): {"storyworld"},
    ("learners/image/vae.py", "VAEShape"): IMAGE,
    ("learners/image/ddpm.py", "DDPMShape"): {"mnist"},
    ("learners/lm/train.py", "train"): LANGUAGE,
    ("learners/lm/model.py", "build_model"): LANGUAGE,
    # sampler and scorers
    ("learners/lm/sample.py", "generate"): LANGUAGE,
    ("scoring/text.py", "ngram_counts"): LANGUAGE,
    ("scoring/distribution.py", "entropy"): {"categorical", "gaussian", "mixture2d"} | LABELS,
    ("scoring/image.py", "frechet_distance"): IMAGE,
    ("scoring/judge.py", "Recipe"): IMAGE,
    ("scoring/lm_eval/suite.py", "Suite"): LANGUAGE,
    # base classes
    ("families/text.py", "TextTask"): TEXT,
    ("families/image.py", "ImageTask"): IMAGE,
    ("core/task.py", "render"): ALL,
    ("core/method.py", "track_of"): set(),
    # data and closed forms
    ("data/split.py", "split"): TEXT,
    ("data/idx.py", "load_images"): {"mnist", "mnist_labels"},
    ("data/images.py", "digits"): {"digits", "digits_labels", "mnist"},
    ("families/idx.py", "IdxTask"): {"mnist", "mnist_labels"},
    ("families/labels.py", "LabelsTask"): LABELS,
    ("laws/regression.py", "regression_error"): {"regression"},
    # what every cell is run by
    ("core/learner.py", "Decoding"): ALL,
    ("core/seeds.py", "stream_seed"): ALL,
    ("core/context.py", "Context"): ALL,
    ("core/costs.py", "Costs"): ALL,
    ("loop/lineage.py", "Lineage"): ALL,
    # what cannot move a number
    ("core/checked.py", "Checked"): set(),
    ("core/plugin.py", "Plugin"): set(),
    ("core/errors.py", "CollapsebenchError"): set(),
    ("core/files.py", "write_atomic"): set(),
    ("core/records.py", "CellRecord"): set(),
    ("core/registry.py", "Registry"): set(),
    ("loop/cache.py", "Cache"): set(),
    ("loop/runner.py", "run_cell"): set(),
    ("loop/store.py", "Store"): set(),
    ("scoring/lm_eval/named.py", "NamedTasks"): set(),
}
"""By file and what is changed in it: the tasks that are stale then."""


class Tree:
    """A copy of the shipped sources, and the code of every plug-in in it."""

    def __init__(self, root):
        self.package = root / "collapsebench"
        without = shutil.ignore_patterns("__pycache__", "*.html", "*.js", "*.css")
        shutil.copytree(PACKAGE, self.package, ignore=without)
        for folder in ("methods", "tasks"):
            shutil.copytree(builtin_folder(folder), root / folder, ignore=without)
        self.root = root

    def modules(self):
        """Every module of the copy, by its full name."""
        for path in sorted(self.root.rglob("*.py")):
            place = path.relative_to(self.root).with_suffix("")
            yield ".".join(place.parts).removesuffix(".__init__"), path

    def rewrite(self, change):
        for name, path in self.modules():
            path.write_text(change(name, path.read_text()))

    def codes(self):
        """Of each plug-in, by name, the digest of all code that a cell of it rests on."""
        base = CodeBase(self.package)
        loop = base.module_code(LOOP).digest
        tasks = {path.parent.name: path for path in self.root.glob("tasks/*/task.py")}
        methods = {path.stem: path for path in self.root.glob("methods/*.py")}
        codes = {name: (base.code(file_source(path)).digest, loop) for name, path in tasks.items()}
        return codes | {name: base.code(file_source(path)).digest for name, path in methods.items()}


@functools.cache
def codes_as_shipped():
    base = CodeBase(PACKAGE)
    loop = base.module_code(LOOP).digest
    codes = {name: (base.code(file_source(_file(TASKS, name))).digest, loop) for name in TASKS.names()}
    return codes | {name: base.code(file_source(_file(METHODS, name))).digest for name in METHODS.names()}


def _file(registry, name):
    return Path(sys.modules[registry.get(name).__module__].__file__)


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def stale(tree):
    """Names of the plug-ins whose code is another than that of the shipped sources."""
    return {name for name, code in tree.codes().items() if code != codes_as_shipped()[name]}


def changed(text, name):
    """The code with one statement more in the function or class of this name."""
    parsed = ast.parse(text)
    place = next(node for node in ast.walk(parsed) if getattr(node, "name", None) == name)
    place.body += ast.parse("changed = 1").body
    return ast.unparse(parsed)


def test_a_copy_of_the_sources_is_not_stale(tree):
    assert set(codes_as_shipped()) == ALL | METHOD_NAMES
    assert stale(tree) == set()


@pytest.mark.parametrize(("file", "name"), STALE)
def test_a_change_in_the_package_makes_exactly_those_stale_that_use_it(tree, file, name):
    path = tree.package / file
    path.write_text(changed(path.read_text(), name))
    found = stale(tree)
    assert found & ALL == STALE[file, name]
    assert found <= ALL or file.startswith("core/")


def test_a_change_in_the_base_of_methods_makes_every_method_stale(tree):
    path = tree.package / "core" / "method.py"
    path.write_text(changed(path.read_text(), "Method"))
    assert stale(tree) == METHOD_NAMES


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("tasks/storyworld/story.py", r"zipf\(", "zipf(2 * ", {"storyworld"}),
        ("tasks/wikitext/sizes.yaml", r"(\d+)\n", r"\g<1>0\n", {"wikitext"}),
        ("tasks/arithmetic/lm_eval/*.yaml", r"$", "more: 1\n", {"arithmetic"}),
        ("tasks/kde/task.py", r"= (\d\.\d)", r"= 1\1", {"kde"}),
        ("methods/tempered.py", r"(\d\.\d)", r"1\1", {"tempered"}),
        ("methods/tempered.py", r"\Z", "# A comment.", set()),
    ],
)
def test_a_change_in_a_plugin_makes_only_it_stale(tree, file, old, new, expected):
    for path in tree.root.glob(file):
        text = path.read_text()
        path.write_text(re.sub(old, new, text, count=1))
        assert path.read_text() != text
    assert stale(tree) == expected


def test_the_names_of_a_tasks_data_files_count(tree):
    file = tree.root / "tasks" / "wikitext" / "sizes.yaml"
    file.rename(file.with_name("other.yaml"))
    assert stale(tree) == {"wikitext"}


def layout(name, text):
    """No comments, other quotes, brackets and line breaks."""
    return ast.unparse(ast.parse(text))


def words(name, text):
    """Other docstrings."""
    parsed = ast.parse(text)
    for node in ast.walk(parsed):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = "Other words."
    return ast.unparse(parsed)


def types(name, text):
    """Other annotations."""
    parsed = ast.parse(text)
    for node in ast.walk(parsed):
        if isinstance(node, (ast.AnnAssign, ast.arg)) and node.annotation:
            node.annotation = ast.Name("object")
        elif isinstance(node, ast.FunctionDef):
            node.returns = ast.Name("object")
    return ast.unparse(parsed)


def imports(name, text):
    """Imports in another order, those for annotations gone."""
    parsed = ast.parse(text)
    if "TYPE_CHECKING" in text and "__getattr__" not in text:
        parsed.body = [s for s in parsed.body if not (isinstance(s, ast.If) and "TYPE_CHECKING" in ast.unparse(s.test))]
    first = [
        s
        for s in parsed.body
        if isinstance(s, (ast.Import, ast.ImportFrom)) and getattr(s, "module", "") != "__future__"
    ]
    rest = [s for s in parsed.body if s not in first]
    for statement in first:
        statement.names.reverse()
    parsed.body = [*rest[:2], *reversed(first), *rest[2:]]
    return ast.unparse(parsed)


@pytest.mark.parametrize("change", [layout, words, types, imports])
def test_no_layout_makes_anything_stale(tree, change):
    tree.rewrite(change)
    assert stale(tree) == set()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("learners.kde", "learners.kernel_density"),
        ("learners.gradient", "learners.lm.gradient"),
        ("core.seeds", "data.streams"),
        ("families.text", "text_family"),
        ("scoring.text", "scoring.ngrams"),
    ],
)
def test_a_module_that_moves_makes_nothing_stale(tree, old, new):
    old, new = f"collapsebench.{old}", f"collapsebench.{new}"

    def importing_the_new(name, text):
        parsed = ast.parse(text)
        is_package = (tree.root / name.replace(".", "/") / "__init__.py").is_file()
        for node in ast.walk(parsed):
            if isinstance(node, ast.ImportFrom) and name.startswith("collapsebench") and node.level:
                parents = name.split(".")
                node.module = ".".join(
                    [*parents[: len(parents) - node.level + is_package], *filter(None, [node.module])]
                )
                node.level = 0
            if isinstance(node, ast.ImportFrom) and node.module == old:
                node.module = new
        return ast.unparse(parsed)

    tree.rewrite(importing_the_new)
    target = tree.root / f"{new.replace('.', '/')}.py"
    (tree.root / f"{old.replace('.', '/')}.py").rename(target)
    assert stale(tree) == set()


def test_a_plugin_that_moves_is_not_stale(tree):
    base = CodeBase(tree.package)
    path = tree.root / "methods" / "tempered.py"
    before = base.code(file_source(path))
    assert base.code(file_source(path.rename(path.with_name("hot.py")))) == before
    folder = tree.root / "tasks" / "storyworld"
    before = base.code(file_source(folder / "task.py"))
    assert base.code(file_source(folder.rename(tree.root / "tales") / "task.py")) == before


def test_what_is_not_followed_is_there():
    assert [name for name in NEUTRAL if not (PACKAGE.parent / f"{name.replace('.', '/')}.py").is_file()] == []


# -- the keys of cells ------------------------------------------------------------------------------


def keys_of(tree):
    """The keys of tasks and methods as a process of their own has them, run from the copy."""
    program = """
import json
from collapsebench.core.method import METHODS
from collapsebench.core.task import TASKS
from collapsebench.loop.cell import method_key, task_key
tasks = {name: task_key(TASKS.get(name)()) for name in ("gaussian", "kde", "digits", "arithmetic")}
print(json.dumps(tasks | {name: method_key(METHODS.get(name)()) for name in ("replace", "tempered")}))
"""
    builtin = tree.package / "builtin"
    builtin.mkdir(exist_ok=True)
    for folder in ("methods", "tasks"):
        shutil.copytree(tree.root / folder, builtin / folder, dirs_exist_ok=True)
    # No bytecode: of a file that is changed and put back within a second, the one that was changed would be read.
    environment = {**os.environ, "PYTHONPATH": str(tree.root), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_the_keys_of_cells_are_stale_where_the_code_is(tree):
    before = keys_of(tree)
    for file, edit, expected in (
        ("collapsebench/learners/gradient.py", ("lr: float = ", "lr: float = 3 * "), {"digits", "arithmetic"}),
        ("methods/tempered.py", ("0.9", "0.7"), {"tempered"}),
        ("collapsebench/loop/lineage.py", None, {"gaussian", "kde", "digits", "arithmetic"}),
    ):
        path = tree.root / file
        text = path.read_text()
        path.write_text(text.replace(*edit) if edit else changed(text, "Lineage"))
        assert path.read_text() != text
        after = keys_of(tree)
        path.write_text(text)
        assert {name for name in before if before[name] != after[name]} == expected


@pytest.mark.parametrize("task", ["gaussian", "categorical", "kde", "regression", "mixture2d", "arithmetic"])
def test_every_function_that_runs_in_a_cell_is_part_of_its_key(task):
    cell = tiny_cell(METHODS.get("accumulate")(), tiny_task(TASKS.get(task)))
    ran = set()
    for profile in (None, lambda frame, event, _: ran.add(frame.f_code.co_filename)):  # imports are done the first time
        sys.setprofile(profile)
        try:
            list(islice(Lineage(cell, None).generations(), 2))
        finally:
            sys.setprofile(None)
    files = (Path(name) for name in ran)
    harness = {".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in files if PACKAGE in path.parents}
    keyed = {*plugin_code(type(cell.task)).modules, *plugin_code(type(cell.method)).modules}
    keyed |= {*module_code(LOOP).modules, LOOP, *(name.removeprefix("collapsebench.") for name in NEUTRAL)}
    assert {"loop.lineage", "core.corpus"} <= harness
    assert harness - keyed <= {"loop.cell", "loop.protocol"}  # their results are in the key by value


# -- plug-ins ---------------------------------------------------------------------------------------


def test_a_plugin_that_extends_one_of_another_file_rests_on_that_file(tmp_path, monkeypatch, registries):
    monkeypatch.setattr("collapsebench.core.registry.is_shipped", lambda path: True)
    text = "from collapsebench import Method\n\nclass Base(Method):\n    share = 1\n"
    digests = []
    for number in (1, 2):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        (folder / "base.py").write_text(text.replace("1", str(number)))
        base = load_file(folder / "base.py").Base
        digests.append(plugin_code(type("Mine", (base,), {"__module__": __name__})).own)
    assert digests[0] != digests[1]
