import importlib
import subprocess
import sys

import pytest

PACKAGES = ("collapsebench.learners", "collapsebench.scoring", "collapsebench.families")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_imported_when_it_is_asked_for(package):
    module = importlib.import_module(package)
    names = [name for name in dir(module) if not name.startswith("_") and name != "TYPE_CHECKING"]
    assert len(names) > 1
    for name in names:
        assert getattr(module, name) is vars(module)[name]


def test_a_name_that_a_package_does_not_have():
    with pytest.raises(ImportError, match="cannot import name 'GausianLearner'"):
        from collapsebench.learners import GausianLearner  # noqa: F401


def test_importing_the_public_packages_loads_nothing_heavy():
    heavy = ("torch._C", "numpy", "scipy", "transformers", "sklearn", "lm_eval")
    code = f"import sys, {', '.join(PACKAGES)}; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
